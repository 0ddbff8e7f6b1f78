//! `adopt`: the old store, whose sessions are taken over at their first use.

use super::{SavePath, SavePathError};

/// Most levels of directories that PHP's files handler is asked for here.
const DEPTH_MAX: u8 = 16;

/// Where sessions were kept before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopt {
    /// PHP's own handler `files`: `[N;[MODE;]]/path`, with or without `files:` before it.
    Files(FilesPath),
    /// phpredis's handler, or this one: a save_path of servers.
    Servers(Box<SavePath>),
}

/// `session.save_path` of the handler `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesPath {
    /// How many directories, each named by one character of the id, are between `dir` and a file.
    pub depth: u8,
    /// The directory; absolute.
    pub dir: String,
}

impl Adopt {
    /// Parses the value of `adopt`, URL-decoded.
    ///
    /// # Errors
    ///
    /// [`SavePathError::Adopt`].
    pub(super) fn parse(text: &[u8]) -> Result<Self, SavePathError> {
        let refuse = |reason: &str| Err(SavePathError::Adopt { reason: reason.to_owned() });
        let named = text.strip_prefix(b"files:");
        let files = named.unwrap_or(text);
        let digit = files.first().is_some_and(u8::is_ascii_digit) && files.contains(&b';');
        if named.is_some() || digit || files.starts_with(b"/") {
            return FilesPath::parse(files).map(Self::Files);
        }
        match SavePath::parse(text) {
            Ok(path) if path.adopt().is_some() => refuse("an old store cannot adopt another"),
            Ok(path) => Ok(Self::Servers(Box::new(path))),
            Err(error) => refuse(&error.to_string()),
        }
    }
}

impl FilesPath {
    fn parse(text: &[u8]) -> Result<Self, SavePathError> {
        let refuse = |reason: &str| Err(SavePathError::Adopt { reason: reason.to_owned() });
        let text = String::from_utf8_lossy(text);
        let mut parts = text.splitn(3, ';');
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        let (depth, mode, dir) = match (first, second, third) {
            (Some(dir), None, _) => ("0", "600", dir),
            (Some(depth), Some(dir), None) => (depth, "600", dir),
            (Some(depth), Some(mode), Some(dir)) => (depth, mode, dir),
            (None, _, _) => ("0", "600", ""),
        };
        let Some(depth) = depth.parse().ok().filter(|depth| *depth <= DEPTH_MAX) else {
            return refuse("the number of directory levels before the first `;` is none");
        };
        if u32::from_str_radix(mode, 8).is_err() {
            return refuse("the file mode between the two `;` is no octal number");
        }
        if !dir.starts_with('/') {
            return refuse("the directory must begin with `/`");
        }
        Ok(Self { depth, dir: dir.to_owned() })
    }
}
