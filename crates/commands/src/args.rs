//! A command's arguments, taken from left to right.

use crate::error::CommandError;

/// The arguments of one call. Takes start after the command's name (and subcommand's).
pub struct Args<'a> {
    items: &'a [&'a [u8]],
    next: usize,
}

impl<'a> Args<'a> {
    /// Arguments whose first `names` items are the command's name.
    pub fn new(items: &'a [&'a [u8]], names: usize) -> Args<'a> {
        Args { items, next: names }
    }

    /// All arguments, names included.
    pub fn all(&self) -> &'a [&'a [u8]] {
        self.items
    }

    /// The arguments not yet taken.
    pub fn rest(&self) -> &'a [&'a [u8]] {
        &self.items[self.next..]
    }

    /// Takes all that is left.
    pub fn take_rest(&mut self) -> &'a [&'a [u8]] {
        let rest = self.rest();
        self.next = self.items.len();
        rest
    }

    /// Takes the next `count` arguments; `None` if there are not so many.
    pub fn take(&mut self, count: usize) -> Option<&'a [&'a [u8]]> {
        let taken = self.rest().get(..count)?;
        self.next += count;
        Some(taken)
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.next == self.items.len()
    }

    /// The next argument; a syntax error if there is none.
    pub fn bytes(&mut self) -> Result<&'a [u8], CommandError> {
        let item = self.items.get(self.next).copied().ok_or(CommandError::Syntax)?;
        self.next += 1;
        Ok(item)
    }

    /// The next argument, which is a key.
    pub fn key(&mut self) -> Result<&'a [u8], CommandError> {
        self.bytes()
    }

    /// The next argument as a 64-bit integer in Redis's strict form.
    pub fn integer(&mut self) -> Result<i64, CommandError> {
        guarda_resp::number::parse_i64(self.bytes()?).ok_or(CommandError::NotInteger)
    }

    /// The next argument as a count of elements: an integer that is not negative.
    pub fn count(&mut self) -> Result<usize, CommandError> {
        let given = guarda_resp::number::parse_i64(self.bytes()?);
        given.and_then(|count| usize::try_from(count).ok()).ok_or(CommandError::NotPositive)
    }

    /// Takes the next argument if it is `word` (upper case), in any case of letters.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found =
            self.items.get(self.next).is_some_and(|i| i.eq_ignore_ascii_case(word.as_bytes()));
        self.next += usize::from(found);
        found
    }

    /// Fails unless everything was taken.
    pub fn finish(&self) -> Result<(), CommandError> {
        if self.is_empty() { Ok(()) } else { Err(CommandError::Syntax) }
    }
}
