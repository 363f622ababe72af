//! The budget of openings: every proof reveals random rows of one tree of the weights, so each tree serves a bounded number.
//!
//! A use is debited durably *before* a proof exists that spends it. A crash in between wastes the use, and never spends it
//! twice. Two processes on one ledger take turns behind a lock. A ledger names its own file, so that a copy, or an older
//! version from a backup, is refused; a copy of the whole disk is beyond what a file can tell: never go on from
//! one, and give another prover a share of its own.
//!
//! Trees are known by their roots: no two commitments ever share an entry, whatever the epochs of their keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use zkml_verifier::Tree;
use zkml_verifier::envelope::{self, Kind};

use crate::error::Error;
use crate::files::{self, Access, Place, lock};
use crate::randomness::Seed;

const KIND: Kind = Kind { magic: *b"ZKML", version: 1, name: "ledger of openings" };

type Root = [u8; 32];

/// What is left of every tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    /// The model.
    model: [u8; 32],
    /// Openings left, by the tree's root; a tree that is not listed belongs to somebody else.
    left: BTreeMap<Root, u32>,
    /// Trees that the registration of a next epoch may still open.
    closings: BTreeSet<Root>,
    /// The file that holds this book; none for a share that was not used yet, so that it can be handed on.
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
    pub(crate) fn new(model: [u8; 32], trees: &[Tree], uses: u32) -> Self {
        let mut book = Book { model, ..Book::default() };
        book.add_epoch(trees, uses);
        Self { memory: Mutex::new(book), path: None }
    }

    /// The ledger in a file; it is read when it is needed.
    pub(crate) fn at(path: &Path, model: [u8; 32]) -> Self {
        Self { memory: Mutex::new(Book { model, ..Book::default() }), path: Some(path.to_path_buf()) }
    }

    /// Moves a ledger from memory into a file. The ledger of another set-up there is replaced, and its key refused from then
    /// on. A ledger that lies there already stays as it is.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written; [`Error::Usage`] if it lies in another file.
    pub(crate) fn store(&mut self, path: &Path) -> Result<(), Error> {
        match &self.path {
            Some(known) if same_file(known, path) => return Ok(()),
            Some(known) => {
                return Err(Error::Usage(format!(
                    "the openings of this key are counted in {}, and a second ledger would count them twice; hand a \
                     share on with `zkml lease`",
                    known.display()
                )));
            }
            None => {}
        }
        let _lock = lock(path)?;
        let mut book = self.book();
        // From here on the file alone counts.
        let rest = Book { model: book.model, ..Book::default() };
        write_placed(path, book.clone())?;
        *book = rest;
        drop(book);
        self.path = Some(path.to_path_buf());
        Ok(())
    }

    /// What is left of the given trees.
    ///
    /// # Errors
    /// [`Error`] if the file cannot be read.
    pub(crate) fn budget(&self, trees: &[Tree]) -> Result<Budget, Error> {
        Ok(self.read()?.budget(trees))
    }

    /// Debits one opening of one of the trees and returns its position: of `preferred` if it has one left, of a random one
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::Spent`] if nothing is left; [`Error`] if the debit cannot be made durable.
    pub(crate) fn debit(&self, trees: &[Tree], preferred: Option<usize>) -> Result<usize, Error> {
        self.update(|book| {
            let open = book.open(trees);
            let chosen = match preferred.filter(|at| open.contains(at)) {
                Some(at) => at,
                None => *open.get(random_below(open.len())?).ok_or(Error::Spent)?,
            };
            let left = trees.get(chosen).and_then(|tree| book.left.get_mut(&tree.root));
            *left.ok_or(Error::Spent)? -= 1;
            Ok(chosen)
        })
    }

    /// Debits the closing of one of the trees, which the registration of a next epoch spends, and returns its position.
    ///
    /// # Errors
    /// [`Error::Spent`] if none has its closing left.
    pub(crate) fn debit_closing(&self, trees: &[Tree]) -> Result<usize, Error> {
        self.update(|book| {
            let at = trees.iter().position(|tree| book.closings.remove(&tree.root));
            at.ok_or(Error::Spent)
        })
    }

    /// Credits the trees of a new epoch. Those of the epoch before stay until the key knows the new one.
    ///
    /// # Errors
    /// [`Error`] if the credit cannot be made durable.
    pub(crate) fn open_epoch(&self, before: &[Tree], trees: &[Tree], uses: u32) -> Result<(), Error> {
        self.update(|book| {
            let kept = |root: &Root| before.iter().any(|tree| tree.root == *root);
            book.left.retain(|root, _| kept(root));
            book.closings.retain(kept);
            book.add_epoch(trees, uses);
            Ok(())
        })
    }

    /// Takes at least `openings` openings out of the given trees, in whole trees, for a ledger of somebody else's at `path`.
    ///
    /// # Errors
    /// [`Error::Spent`] if there are not as many left.
    pub(crate) fn lease(&self, trees: &[Tree], openings: u64, path: &Path) -> Result<Budget, Error> {
        let _lock = lock(path)?;
        if path.exists() {
            return Err(Error::Usage(format!("{} exists; lease into a new folder", path.display())));
        }
        let share = self.update(|book| {
            let mut share = Book { model: book.model, ..Book::default() };
            let mut sum = 0;
            while sum < openings {
                let open = book.open(trees);
                let at = *open.get(random_below(open.len())?).ok_or(Error::Spent)?;
                if let Some((root, left)) = trees.get(at).and_then(|tree| book.left.remove_entry(&tree.root))
                {
                    sum += u64::from(left);
                    share.left.insert(root, left);
                }
            }
            Ok(share)
        })?;
        // The share is debited here before it exists there: a crash in between wastes it.
        write(path, &share)?;
        Ok(share.budget(trees))
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
    fn left(&self, tree: &Tree) -> u64 {
        self.left.get(&tree.root).map_or(0, |&left| u64::from(left))
    }

    /// The positions of the trees that have openings left.
    fn open(&self, trees: &[Tree]) -> Vec<usize> {
        (0..trees.len()).filter(|&at| self.left(&trees[at]) > 0).collect()
    }

    fn budget(&self, trees: &[Tree]) -> Budget {
        Budget { left: trees.iter().map(|tree| self.left(tree)).sum(), trees: self.open(trees).len() }
    }

    fn add_epoch(&mut self, trees: &[Tree], uses: u32) {
        for tree in trees {
            self.left.insert(tree.root, uses);
            self.closings.insert(tree.root);
        }
    }
}

/// Whether two paths lead to one file; the second may not exist yet.
fn same_file(known: &Path, other: &Path) -> bool {
    match (known.canonicalize(), other.canonicalize()) {
        (Ok(known), Ok(other)) => known == other,
        _ => known == other,
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

    /// Trees whose roots differ between forests.
    fn forest(name: u8, count: u8) -> Vec<Tree> {
        (0..count)
            .map(|index| {
                let mut root = [name; 32];
                root[0] = index;
                Tree { root, pin: Default::default() }
            })
            .collect()
    }

    fn drain(ledger: &Ledger, trees: &[Tree]) -> Vec<usize> {
        std::iter::from_fn(|| ledger.debit(trees, None).ok()).collect()
    }

    #[test]
    fn every_opening_is_spent_once_and_then_refused() {
        let trees = forest(1, 3);
        let ledger = Ledger::new(MODEL, &trees, 4);
        let mut uses = BTreeMap::new();
        for _ in 0..12 {
            *uses.entry(ledger.debit(&trees, None).unwrap()).or_insert(0) += 1;
        }
        assert_eq!(uses.into_values().collect::<Vec<_>>(), [4, 4, 4]);
        assert!(matches!(ledger.debit(&trees, None), Err(Error::Spent)));
    }

    #[test]
    fn a_preferred_tree_is_used_until_it_is_spent() {
        let trees = forest(1, 3);
        let ledger = Ledger::new(MODEL, &trees, 2);
        let debit = || ledger.debit(&trees, Some(1)).unwrap();
        assert_eq!([debit(), debit()], [1, 1]);
        assert_ne!(debit(), 1);
    }

    #[test]
    fn provers_that_run_at_once_never_spend_the_same_opening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let trees = forest(1, 4);
        Ledger::new(MODEL, &trees, 10).store(&path).unwrap();
        let ledgers: Vec<Arc<Ledger>> = (0..4).map(|_| Arc::new(Ledger::at(&path, MODEL))).collect();
        let threads: Vec<_> = ledgers
            .into_iter()
            .map(|ledger| {
                let trees = trees.clone();
                std::thread::spawn(move || {
                    (0..10).map(|_| ledger.debit(&trees, None).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut uses = BTreeMap::new();
        for at in threads.into_iter().flat_map(|t| t.join().unwrap()) {
            *uses.entry(at).or_insert(0) += 1;
        }
        assert_eq!(uses.into_values().collect::<Vec<_>>(), [10; 4]);
        assert!(matches!(Ledger::at(&path, MODEL).debit(&trees, None), Err(Error::Spent)));
    }

    #[test]
    fn a_lease_shares_no_opening_with_its_origin() {
        let folder = tempfile::tempdir().unwrap();
        let trees = forest(1, 5);
        let ledger = Ledger::new(MODEL, &trees, 3);
        let path = folder.path().join("lease");
        let share = ledger.lease(&trees, 7, &path).unwrap();
        assert_eq!(share, Budget { left: 9, trees: 3 });
        assert_eq!(ledger.budget(&trees).unwrap(), Budget { left: 6, trees: 2 });
        let other = Ledger::at(&path, MODEL);
        let (own, leased) = (drain(&ledger, &trees), drain(&other, &trees));
        assert_eq!((own.len(), leased.len()), (6, 9));
        assert!(own.iter().all(|at| !leased.contains(at)));
        assert!(matches!(ledger.lease(&trees, 1, &folder.path().join("more")), Err(Error::Spent)));
        // The lease cannot close the epoch: only one holder can.
        assert!(matches!(other.debit_closing(&trees), Err(Error::Spent)));
    }

    #[test]
    fn storing_a_ledger_again_gives_no_opening_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let trees = forest(1, 2);
        let mut ledger = Ledger::new(MODEL, &trees, 3);
        ledger.store(&path).unwrap();
        ledger.debit(&trees, None).unwrap();
        ledger.store(&path).unwrap();
        assert_eq!(ledger.budget(&trees).unwrap().left, 5);
        assert!(matches!(ledger.store(&folder.path().join("second")), Err(Error::Usage(_))));
        assert_eq!(drain(&ledger, &trees).len(), 5);
    }

    #[test]
    fn a_restored_or_copied_ledger_is_refused_until_it_is_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let trees = forest(1, 2);
        let elsewhere = folder.path().join("elsewhere");
        let mut origin = Ledger::new(MODEL, &trees, 3);
        origin.store(&path).unwrap();
        std::fs::copy(&path, &elsewhere).unwrap();
        let (ledger, copy) = (Ledger::at(&path, MODEL), Ledger::at(&elsewhere, MODEL));
        assert!(matches!(copy.debit(&trees, None), Err(Error::Usage(_))), "copied before it was used");
        // A share is made to be carried elsewhere: it settles where it is used first.
        std::fs::remove_file(&elsewhere).unwrap();
        let share = folder.path().join("share");
        assert_eq!(origin.lease(&trees, 6, &share).unwrap().left, 6);
        std::fs::rename(&share, &elsewhere).unwrap();
        copy.debit(&trees, None).unwrap();

        let backup = files::read(&elsewhere).unwrap();
        copy.debit(&trees, None).unwrap();
        std::fs::write(&elsewhere, &backup).unwrap();
        assert!(matches!(copy.debit(&trees, None), Err(Error::Usage(_))), "restored over the ledger");
        std::fs::remove_file(&elsewhere).unwrap();
        std::fs::write(&elsewhere, &backup).unwrap();
        assert!(matches!(copy.debit(&trees, None), Err(Error::Usage(_))), "restored after a loss");
        assert!(matches!(copy.lease(&trees, 1, &folder.path().join("more")), Err(Error::Usage(_))));
        assert!(matches!(copy.debit_closing(&trees), Err(Error::Usage(_))));
        std::fs::copy(&elsewhere, &path).unwrap();
        assert!(matches!(ledger.debit(&trees, None), Err(Error::Usage(_))), "copied");

        ledger.adopt().unwrap();
        assert_eq!(ledger.budget(&trees).unwrap().left, 5);
        assert_eq!(drain(&ledger, &trees).len(), 5);
    }

    #[test]
    fn a_missing_foreign_or_damaged_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let trees = forest(1, 1);
        assert!(matches!(Ledger::at(&path, MODEL).debit(&trees, None), Err(Error::Usage(_))));
        Ledger::new(MODEL, &trees, 1).store(&path).unwrap();
        assert!(matches!(Ledger::at(&path, [8; 32]).debit(&trees, None), Err(Error::Usage(_))));
        let bytes = files::read(&path).unwrap();
        files::write(&path, &bytes[..bytes.len() - 1], Access::Owner).unwrap();
        assert!(matches!(Ledger::at(&path, MODEL).debit(&trees, None), Err(Error::Format { .. })));
    }

    #[test]
    fn a_new_epoch_starts_afresh_and_each_closing_is_spent_once() {
        let (first, second, third) = (forest(1, 2), forest(2, 1), forest(3, 1));
        let ledger = Ledger::new(MODEL, &first, 3);
        assert_ne!(ledger.debit_closing(&first).unwrap(), ledger.debit_closing(&first).unwrap());
        assert!(matches!(ledger.debit_closing(&first), Err(Error::Spent)));
        ledger.open_epoch(&first, &second, 5).unwrap();
        assert_eq!(ledger.budget(&second).unwrap(), Budget { left: 5, trees: 1 });
        ledger.debit(&second, None).unwrap();
        // Until the key knows the new epoch, the old one goes on.
        ledger.debit(&first, None).unwrap();
        ledger.open_epoch(&second, &third, 1).unwrap();
        assert!(matches!(ledger.debit(&first, None), Err(Error::Spent)));
        assert_eq!(ledger.budget(&second).unwrap().left, 4);
    }

    #[test]
    fn two_continuations_of_one_epoch_share_no_count() {
        let (first, second, rival) = (forest(1, 1), forest(2, 1), forest(3, 1));
        let ledger = Ledger::new(MODEL, &first, 3);
        ledger.open_epoch(&first, &second, 5).unwrap();
        ledger.debit(&second, None).unwrap();
        ledger.debit_closing(&second).unwrap();
        // Whoever still holds the first epoch's key continues it once more.
        ledger.open_epoch(&first, &rival, 5).unwrap();
        assert!(ledger.budget(&second).unwrap().left <= 4);
        assert!(matches!(ledger.debit_closing(&second), Err(Error::Spent)));
    }
}
