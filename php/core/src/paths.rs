//! Save_paths that were understood before.

use std::cell::RefCell;
use std::rc::Rc;

use guarda_session::SavePath;

/// Parsed save_paths that are remembered.
const PATHS_MAX: usize = 64;

thread_local! {
    static PATHS: RefCell<Vec<(Vec<u8>, Rc<SavePath>)>> = const { RefCell::new(Vec::new()) };
}

/// The save_path that a text is, with notices the first time.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn parsed(save_path: &[u8]) -> Result<(Rc<SavePath>, Vec<String>), String> {
    let known = PATHS.with_borrow(|paths| {
        paths.iter().find(|(text, _)| text == save_path).map(|(_, path)| Rc::clone(path))
    });
    if let Some(path) = known {
        return Ok((path, Vec::new()));
    }
    let text = std::str::from_utf8(save_path).map_err(|_| "session.save_path is not UTF-8")?;
    let mut path = SavePath::parse(text).map_err(|error| error.to_string())?;
    let notices = std::mem::take(&mut path.notices);
    let path = Rc::new(path);
    PATHS.with_borrow_mut(|paths| {
        if paths.len() == PATHS_MAX {
            paths.remove(0);
        }
        paths.push((save_path.to_vec(), Rc::clone(&path)));
    });
    Ok((path, notices))
}

/// A save_path that may be shown.
pub(crate) fn masked(save_path: &[u8]) -> String {
    String::from_utf8_lossy(save_path.split(|b| *b == b'?').next().unwrap_or_default()).into_owned()
}

/// Forgets all.
pub(crate) fn forget() {
    PATHS.take();
}
