//! The private directory of a farm, and the secret kept in it.

use std::fmt;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A generated password: 32 hexadecimal characters, so that no configuration syntax needs quoting.
///
/// `Debug` prints a length; [`Secret::reveal`] is the one way to the text.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new secret from the operating system's random source.
    pub fn generate() -> Result<Self> {
        random_hex(16).map(Self)
    }

    /// The text itself, for a configuration file or a connection.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret blotted out.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "<password>")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({} characters)", self.0.len())
    }
}

/// A directory that only its owner can enter, removed with its contents on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Creates the directory under the system's temporary directory.
    pub(crate) fn create() -> Result<Self> {
        // Short, because Unix socket paths in it must stay below 108 bytes.
        let path = std::env::temp_dir().join(format!("guarda-farm-{}", random_hex(4)?));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot create the scratch directory {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a subdirectory and returns its path.
    pub(crate) fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file that only its owner can read and returns its path.
    pub(crate) fn file(&self, name: &str, contents: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(contents.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A process on its way out may still create a file between the listing and the removal.
        for _ in 0..3 {
            match fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                _ => return,
            }
        }
    }
}

fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("the operating system gives no random bytes: {error}"))?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_shows_itself_only_when_asked() {
        let secret = Secret::generate().unwrap();
        assert_eq!(secret.reveal().len(), 32);
        assert_eq!(format!("{secret:?}"), "Secret(32 characters)");
        assert_eq!(secret.redact(&format!("auth={}&x", secret.reveal())), "auth=<password>&x");
        assert_ne!(secret.reveal(), Secret::generate().unwrap().reveal());
    }

    #[test]
    fn the_directory_is_private_and_goes_with_its_contents() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.path().to_path_buf();
        let file = scratch.file("secret", "x").unwrap();
        scratch.directory("a/b").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
        drop(scratch);
        assert!(!path.exists());
    }
}
