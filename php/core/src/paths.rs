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
    let mut path = SavePath::parse(save_path).map_err(|error| error.to_string())?;
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

/// Forgets all.
pub(crate) fn forget() {
    PATHS.take();
}
