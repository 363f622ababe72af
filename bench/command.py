"""Runs the command `zkml` for the scripts that measure through it."""

import json
import os
import subprocess
import tempfile


def run(zkml, *arguments):
    """The JSON that a command prints, and the peak of its memory in bytes."""
    command = [zkml, "--json", *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{out.read().decode()}{err.read().decode()}")
        return json.loads(out.read()), usage.ru_maxrss * 1024
