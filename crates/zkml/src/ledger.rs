//! The budget of openings: every proof reveals random rows of one tree of the weights, so each tree serves a bounded number.
//!
//! A use is debited durably *before* a proof exists that spends it. A crash in between wastes the use, and never spends it
//! twice. Two processes on one ledger take turns behind a lock. A ledger that was debited names its own file, so that a copy,
//! or an older version from a backup, is refused; a copy of the whole disk is beyond what a file can tell: never go on from
//! one, and give another prover a share of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use zkml_verifier::TreeId;
use zkml_verifier::envelope::{self, Kind};

use crate::error::Error;
use crate::files::{self, Access, Place, lock};
use crate::randomness::Seed;

const KIND: Kind = Kind { magic: *b"ZKML", version: 1, name: "ledger of openings" };

/// What is left of every tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    /// The model.
    model: [u8; 32],
    /// Openings left, by tree; a tree that is not listed belongs to somebody else.
    left: BTreeMap<TreeId, u32>,
    /// Trees whose closing row budget may still be spent by the registration of a next epoch.
    closings: Vec<TreeId>,
    /// The file that holds this book; none before its first debit, so that a new ledger can be handed on.
    place: Option<Place>,
}

/// A ledger, in memory or in a file.
#[derive(Debug)]
pub struct Ledger {
    memory: Mutex<Book>,
    path: Option<PathBuf>,
}

/// How much of a budget is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Openings left.
    pub left: u64,
    /// Trees that have some left.
    pub trees: usize,
}

impl Ledger {
    /// A ledger in memory for the trees of a first epoch, with `uses` openings each.
    pub(crate) fn new(model: [u8; 32], num_trees: usize, uses: u32) -> Self {
        let mut book = Book { model, ..Book::default() };
        book.add_epoch(0, num_trees, uses);
        Self { memory: Mutex::new(book), path: None }
    }

    /// The ledger in a file; it is read when it is needed.
    pub(crate) fn at(path: &Path, model: [u8; 32]) -> Self {
        Self { memory: Mutex::new(Book { model, ..Book::default() }), path: Some(path.to_path_buf()) }
    }

    /// Moves a ledger from memory into a file. The ledger of another set-up there is replaced, and its key refused from then
    /// on.
    ///
    /// # Errors
    /// [`Error::Usage`] if it lies in another file already: a second one would spend the same openings again.
    /// [`Error::File`] if it cannot be written.
    pub(crate) fn store(&mut self, path: &Path) -> Result<(), Error> {
        match &self.path {
            Some(known) if known == path => return Ok(()),
            Some(known) => {
                return Err(Error::Usage(format!(
                    "the openings of this key are counted in {}; give another prover a share with `zkml lease`",
                    known.display()
                )));
            }
            None => {}
        }
        let _lock = lock(path)?;
        write(path, &self.book())?;
        self.path = Some(path.to_path_buf());
        Ok(())
    }

    /// What is left of an epoch.
    ///
    /// # Errors
    /// [`Error`] if the file cannot be read.
    pub(crate) fn budget(&self, epoch: u32) -> Result<Budget, Error> {
        Ok(self.read()?.budget(epoch))
    }

    /// Debits one opening of an epoch, of `preferred` if it has one left, of a random tree otherwise.
    ///
    /// # Errors
    /// [`Error::Spent`] if nothing is left; [`Error`] if the debit cannot be made durable.
    pub(crate) fn debit(&self, epoch: u32, preferred: Option<TreeId>) -> Result<TreeId, Error> {
        self.update(|book| {
            let open = book.open(epoch);
            let chosen = match preferred.filter(|id| open.contains(id)) {
                Some(id) => id,
                None => *open.get(random_below(open.len())?).ok_or(Error::Spent)?,
            };
            if let Some(left) = book.left.get_mut(&chosen) {
                *left -= 1;
            }
            Ok(chosen)
        })
    }

    /// Debits the closing of a tree of an epoch, which the registration of the next one spends.
    ///
    /// # Errors
    /// [`Error::Spent`] if no tree of the epoch has its closing left.
    pub(crate) fn debit_closing(&self, epoch: u32) -> Result<TreeId, Error> {
        self.update(|book| {
            let at = book.closings.iter().position(|id| id.epoch == epoch).ok_or(Error::Spent)?;
            Ok(book.closings.swap_remove(at))
        })
    }

    /// Credits the trees of a new epoch. Those of the epoch before stay until the key knows the new one.
    ///
    /// # Errors
    /// [`Error`] if the credit cannot be made durable.
    pub(crate) fn open_epoch(&self, epoch: u32, num_trees: usize, uses: u32) -> Result<(), Error> {
        self.update(|book| {
            book.left.retain(|id, _| id.epoch + 1 == epoch);
            book.closings.retain(|id| id.epoch + 1 == epoch);
            book.add_epoch(epoch, num_trees, uses);
            Ok(())
        })
    }

    /// Takes at least `openings` openings out, in whole trees, for a ledger of somebody else's at `path`.
    ///
    /// # Errors
    /// [`Error::Spent`] if there are not as many left.
    pub(crate) fn lease(&self, epoch: u32, openings: u64, path: &Path) -> Result<Budget, Error> {
        let _lock = lock(path)?;
        if path.exists() {
            return Err(Error::Usage(format!("{} exists; lease into a new folder", path.display())));
        }
        let share = self.update(|book| {
            let mut share = Book { model: book.model, ..Book::default() };
            let mut sum = 0;
            while sum < openings {
                let open = book.open(epoch);
                let id = *open.get(random_below(open.len())?).ok_or(Error::Spent)?;
                if let Some(left) = book.left.remove(&id) {
                    sum += u64::from(left);
                    share.left.insert(id, left);
                }
            }
            Ok(share)
        })?;
        // The share is debited here before it exists there: a crash in between wastes it.
        write(path, &share)?;
        Ok(share.budget(epoch))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A book is replaced whole, so a panic elsewhere leaves it in order.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Book, Error> {
        match &self.path {
            None => Ok(self.book().clone()),
            Some(path) => self.load(path),
        }
    }

    fn load(&self, path: &Path) -> Result<Book, Error> {
        if !path.exists() {
            return Err(Error::Usage(format!(
                "{} is missing: it says which openings of the weights are spent, and without it a proof could reveal \
                 weights; bring it back, or set the model up again",
                path.display()
            )));
        }
        let book: Book = envelope::open(KIND, &files::read(path)?).map_err(Error::format(path))?;
        if book.model != self.book().model {
            return Err(Error::Usage(format!("{} belongs to another model", path.display())));
        }
        Ok(book)
    }

    /// Refuses a book that says that it lies elsewhere.
    fn check_place(path: &Path, book: &Book) -> Result<(), Error> {
        let here = Place::of(path)?;
        if book.place.is_some_and(|place| !place.may_be(&here)) {
            return Err(Error::Usage(format!(
                "{0} is a copy or an older version of a ledger that was used: openings that it counts as left may be \
                 spent, and a proof could reveal weights. If the folder was moved, this is the newest ledger and no \
                 other copy is in use, say so with `zkml adopt`; otherwise set the model up again",
                path.display()
            )));
        }
        Ok(())
    }

    /// Makes a ledger that was moved usable where it lies now.
    ///
    /// # Zero knowledge
    /// The caller knows that no opening was debited in another copy since this one was written.
    ///
    /// # Errors
    /// [`Error`] if it cannot be read or written.
    pub(crate) fn adopt(&self) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let _lock = lock(path)?;
        let book = self.load(path)?;
        write_placed(path, book)
    }

    /// Changes the ledger durably before it answers; an error changes nothing.
    fn update<T>(&self, change: impl FnOnce(&mut Book) -> Result<T, Error>) -> Result<T, Error> {
        match &self.path {
            None => {
                let mut book = self.book();
                let mut changed = book.clone();
                let answer = change(&mut changed)?;
                *book = changed;
                Ok(answer)
            }
            Some(path) => {
                let _lock = lock(path)?;
                let mut book = self.load(path)?;
                Self::check_place(path, &book)?;
                let answer = change(&mut book)?;
                write_placed(path, book)?;
                Ok(answer)
            }
        }
    }
}

impl Book {
    /// The trees of an epoch that have openings left.
    fn open(&self, epoch: u32) -> Vec<TreeId> {
        self.left.iter().filter(|(id, n)| id.epoch == epoch && **n > 0).map(|(id, _)| *id).collect()
    }

    fn budget(&self, epoch: u32) -> Budget {
        let open = self.open(epoch);
        let left = |id: &TreeId| self.left.get(id).map_or(0, |&n| u64::from(n));
        Budget { left: open.iter().map(left).sum(), trees: open.len() }
    }

    fn add_epoch(&mut self, epoch: u32, num_trees: usize, uses: u32) {
        for tree in (0..).take(num_trees) {
            let id = TreeId { epoch, tree };
            self.left.insert(id, uses);
            self.closings.push(id);
        }
    }
}

fn write(path: &Path, book: &Book) -> Result<(), Error> {
    files::write(path, &envelope::seal(KIND, book)?, Access::Owner)
}

fn write_placed(path: &Path, mut book: Book) -> Result<(), Error> {
    files::write_in_place(path, |place| {
        book.place = Some(place);
        Ok(envelope::seal(KIND, &book)?)
    })
}

/// A number below `limit` from the operating system; 0 if there is none.
fn random_below(limit: usize) -> Result<usize, Error> {
    let seed = Seed::fresh()?;
    let word = u64::from_le_bytes(*seed.0.first_chunk().unwrap_or(&[0; 8]));
    Ok(if limit == 0 { 0 } else { (word % limit as u64) as usize })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    const MODEL: [u8; 32] = [7; 32];

    #[test]
    fn every_opening_is_spent_once_and_then_refused() {
        let ledger = Ledger::new(MODEL, 3, 4);
        let mut uses = BTreeMap::new();
        for _ in 0..12 {
            *uses.entry(ledger.debit(0, None).unwrap()).or_insert(0) += 1;
        }
        assert_eq!(uses.into_values().collect::<Vec<_>>(), [4, 4, 4]);
        assert!(matches!(ledger.debit(0, None), Err(Error::Spent)));
    }

    #[test]
    fn a_preferred_tree_is_used_until_it_is_spent() {
        let ledger = Ledger::new(MODEL, 3, 2);
        let id = TreeId { epoch: 0, tree: 1 };
        assert_eq!([ledger.debit(0, Some(id)).unwrap(), ledger.debit(0, Some(id)).unwrap()], [id, id]);
        assert_ne!(ledger.debit(0, Some(id)).unwrap(), id);
    }

    #[test]
    fn provers_that_run_at_once_never_spend_the_same_opening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        Ledger::new(MODEL, 4, 10).store(&path).unwrap();
        let ledgers: Vec<Arc<Ledger>> = (0..4).map(|_| Arc::new(Ledger::at(&path, MODEL))).collect();
        let threads: Vec<_> = ledgers
            .into_iter()
            .map(|ledger| {
                std::thread::spawn(move || {
                    (0..10).map(|_| ledger.debit(0, None).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut uses = BTreeMap::new();
        for id in threads.into_iter().flat_map(|t| t.join().unwrap()) {
            *uses.entry(id).or_insert(0) += 1;
        }
        assert_eq!(uses.into_values().collect::<Vec<_>>(), [10; 4]);
        assert!(matches!(Ledger::at(&path, MODEL).debit(0, None), Err(Error::Spent)));
    }

    #[test]
    fn a_lease_shares_no_opening_with_its_origin() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(MODEL, 5, 3);
        let path = folder.path().join("lease");
        let share = ledger.lease(0, 7, &path).unwrap();
        assert_eq!(share, Budget { left: 9, trees: 3 });
        assert_eq!(ledger.budget(0).unwrap(), Budget { left: 6, trees: 2 });
        let other = Ledger::at(&path, MODEL);
        let drain = |ledger: &Ledger| std::iter::from_fn(|| ledger.debit(0, None).ok()).collect::<Vec<_>>();
        let (own, leased) = (drain(&ledger), drain(&other));
        assert!(own.iter().all(|id| !leased.contains(id)));
        assert!(matches!(ledger.lease(0, 1, &folder.path().join("more")), Err(Error::Spent)));
        // The lease cannot close the epoch: only one holder can.
        assert!(matches!(other.debit_closing(0), Err(Error::Spent)));
    }

    #[test]
    fn a_restored_or_copied_ledger_is_refused_until_it_is_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        Ledger::new(MODEL, 2, 3).store(&path).unwrap();
        // A ledger that nobody used yet may be handed on.
        let elsewhere = folder.path().join("elsewhere");
        std::fs::copy(&path, &elsewhere).unwrap();
        let (ledger, copy) = (Ledger::at(&path, MODEL), Ledger::at(&elsewhere, MODEL));
        std::fs::remove_file(&path).unwrap();
        copy.debit(0, None).unwrap();

        let backup = files::read(&elsewhere).unwrap();
        copy.debit(0, None).unwrap();
        std::fs::write(&elsewhere, &backup).unwrap();
        assert!(matches!(copy.debit(0, None), Err(Error::Usage(_))), "restored over the ledger");
        std::fs::remove_file(&elsewhere).unwrap();
        std::fs::write(&elsewhere, &backup).unwrap();
        assert!(matches!(copy.debit(0, None), Err(Error::Usage(_))), "restored after a loss");
        assert!(matches!(copy.lease(0, 1, &folder.path().join("share")), Err(Error::Usage(_))));
        assert!(matches!(copy.debit_closing(0), Err(Error::Usage(_))));
        std::fs::copy(&elsewhere, &path).unwrap();
        assert!(matches!(ledger.debit(0, None), Err(Error::Usage(_))), "copied");

        ledger.adopt().unwrap();
        assert_eq!(ledger.budget(0).unwrap().left, 5);
        ledger.debit(0, None).unwrap();
        ledger.debit(0, None).unwrap();
    }

    #[test]
    fn a_ledger_in_a_file_is_not_stored_a_second_time() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["first", "second"].map(|name| folder.path().join(name));
        let mut ledger = Ledger::new(MODEL, 1, 2);
        ledger.store(&paths[0]).unwrap();
        ledger.debit(0, None).unwrap();
        // What is in memory is the state before the debit.
        assert!(matches!(ledger.store(&paths[1]), Err(Error::Usage(_))));
        assert!(!paths[1].exists());
        ledger.store(&paths[0]).unwrap();
        assert_eq!(ledger.budget(0).unwrap().left, 1);
    }

    #[test]
    fn a_missing_foreign_or_damaged_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        assert!(matches!(Ledger::at(&path, MODEL).debit(0, None), Err(Error::Usage(_))));
        Ledger::new(MODEL, 1, 1).store(&path).unwrap();
        assert!(matches!(Ledger::at(&path, [8; 32]).debit(0, None), Err(Error::Usage(_))));
        let bytes = files::read(&path).unwrap();
        files::write(&path, &bytes[..bytes.len() - 1], Access::Owner).unwrap();
        assert!(matches!(Ledger::at(&path, MODEL).debit(0, None), Err(Error::Format { .. })));
    }

    #[test]
    fn a_new_epoch_starts_afresh_and_each_closing_is_spent_once() {
        let ledger = Ledger::new(MODEL, 2, 3);
        let first = ledger.debit_closing(0).unwrap();
        let second = ledger.debit_closing(0).unwrap();
        assert_ne!(first, second);
        assert!(matches!(ledger.debit_closing(0), Err(Error::Spent)));
        ledger.open_epoch(1, 1, 5).unwrap();
        assert_eq!(ledger.budget(1).unwrap(), Budget { left: 5, trees: 1 });
        assert_eq!(ledger.debit(1, None).unwrap().epoch, 1);
        // Until the key knows the new epoch, the old one goes on.
        assert_eq!(ledger.debit(0, None).unwrap().epoch, 0);
        ledger.open_epoch(2, 1, 1).unwrap();
        assert!(matches!(ledger.debit(0, None), Err(Error::Spent)));
    }
}
