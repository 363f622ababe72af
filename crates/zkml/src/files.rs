//! Reading with bounds, writing atomically.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The largest file that is read.
const MAX_FILE: u64 = 8 << 30;

/// Who may read a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the folder lets in.
    Everyone,
    /// The owner alone.
    Owner,
}

/// Where a file lies: what a copy of its bytes, or an older version that is put back, does not have.
///
/// Every write of [`write_in_place`] makes a new file, so a file that names its own place is the last one written. A copy of
/// the whole disk has the same place: no file can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    inode: Option<u64>,
    /// Nanoseconds since 1970.
    born: Option<u64>,
}

impl Place {
    /// The place of an existing file.
    ///
    /// # Errors
    /// [`Error::File`] if the file system does not tell.
    pub fn of(path: &Path) -> Result<Self, Error> {
        Ok(Self::from_metadata(&fs::metadata(path).map_err(Error::file(path))?))
    }

    fn from_metadata(metadata: &fs::Metadata) -> Self {
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|age| u64::try_from(age.as_nanos()).ok());
        Self { inode: inode(metadata), born }
    }

    /// Whether both may be the same place: what one of them does not know tells nothing.
    pub fn may_be(&self, other: &Self) -> bool {
        let agree = |a: Option<u64>, b: Option<u64>| a.zip(b).is_none_or(|(a, b)| a == b);
        agree(self.inode, other.inode) && agree(self.born, other.born)
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> Option<u64> {
    None
}

/// Reads a whole file.
///
/// # Errors
/// [`Error::File`] that names it.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let file = fs::File::open(path).map_err(Error::file(path))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(Error::file(path))?;
    Ok(bytes)
}

/// Writes a file atomically: afterwards it holds all bytes, or what it held before, whatever fails in between.
///
/// Links are followed. What is no file, such as a device or a pipe, is written to and not replaced.
///
/// # Errors
/// [`Error::File`] that names it.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(target) if target.is_file() => {
            replace(&fs::canonicalize(path).map_err(Error::file(path))?, |_| Ok(bytes), access)
        }
        Ok(_) => {
            let target = fs::File::options().write(true).open(path);
            target.and_then(|mut target| target.write_all(bytes)).map_err(Error::file(path))
        }
        Err(_) => replace(path, |_| Ok(bytes), access),
    }
}

/// Writes a regular file atomically, for its owner alone, with bytes that depend on its place.
///
/// # Errors
/// [`Error::File`] that names it, or the error of `content`.
pub fn write_in_place(
    path: &Path,
    content: impl FnOnce(Place) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    replace(&path, content, Access::Owner)
}

/// Waits for the lock beside a file. The file itself is replaced on every write, so it cannot be the lock.
///
/// # Errors
/// [`Error::File`] if the lock cannot be had.
pub fn lock(path: &Path) -> Result<fs::File, Error> {
    // Writes follow links, so the lock does too: it belongs to the file, not to one of its names.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut name = path.into_os_string();
    name.push(".lock");
    let beside = std::path::PathBuf::from(name);
    let file = fs::File::options().create(true).truncate(false).write(true).open(&beside);
    let file = file.map_err(Error::file(&beside))?;
    file.lock().map_err(Error::file(&beside))?;
    Ok(file)
}

fn replace<B: AsRef<[u8]>>(
    path: &Path,
    content: impl FnOnce(Place) -> Result<B, Error>,
    access: Access,
) -> Result<(), Error> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fail = || Error::file(path);
    // A temporary file is readable by its owner alone, from its creation on.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail())?;
    let place = Place::from_metadata(&file.as_file().metadata().map_err(fail())?);
    file.write_all(content(place)?.as_ref()).map_err(fail())?;
    if access == Access::Everyone {
        open_to_readers(file.as_file()).map_err(fail())?;
    }
    file.as_file().sync_all().map_err(fail())?;
    file.persist(path).map_err(|e| fail()(e.error))?;
    sync_folder(folder).map_err(Error::file(folder))
}

/// Makes the rename itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn open_to_readers(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_readers(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"old", Access::Owner).unwrap();
        let missing = folder.path().join("missing/file");
        assert!(write(&missing, b"new", Access::Owner).is_err());
        write(&path, b"new", Access::Everyone).unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_knows_its_place_and_a_copy_of_it_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let write = || {
            let mut place = None;
            write_in_place(&path, |own| {
                place = Some(own);
                Ok(vec![1])
            })
            .unwrap();
            place.unwrap()
        };
        let (first, second) = (write(), write());
        assert!(!Place::of(&path).unwrap().may_be(&first));
        assert!(Place::of(&path).unwrap().may_be(&second));
        let moved = folder.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        assert!(Place::of(&moved).unwrap().may_be(&second));
        fs::copy(&moved, &path).unwrap();
        assert!(!Place::of(&path).unwrap().may_be(&second));
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_readable_by_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for (access, mode) in [(Access::Owner, 0o600), (Access::Everyone, 0o644)] {
            let path = folder.path().join("file");
            write(&path, b"x", access).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }
}
