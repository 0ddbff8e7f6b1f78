//! Builds `guarda.so`: the core with cargo, the shim with the C compiler, for the PHP that
//! `php-config` belongs to.
//!
//! Needs a C compiler and PHP's headers (Debian: `gcc`, `php-dev`). `PHP_CONFIG` and `CC` name
//! others than `php-config` and `cc`.

#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there is no extension; says what to do.
#[derive(Debug)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// What to build.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The workspace.
    pub root: &'a Path,
    /// Whether to optimise.
    pub release: bool,
    /// The directory that `guarda.so` goes to.
    pub out: &'a Path,
}

/// The shim's files in `php/ext`.
const SHIM: [&str; 5] =
    ["guarda.c", "guarda_frames.c", "guarda_functions.c", "guarda_handler.c", "guarda_ini.c"];

/// What the static library of Rust's standard library needs on Linux.
const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"];

/// Builds the extension and returns its path.
///
/// # Errors
///
/// [`BuildError`] with the command that failed.
pub fn build(options: &Options<'_>) -> Result<PathBuf, BuildError> {
    let config = env::var_os("PHP_CONFIG").unwrap_or_else(|| "php-config".into());
    build_for(options, config.as_ref())
}

/// [`build`] for the PHP that `config`, a `php-config`, belongs to.
///
/// # Errors
///
/// [`BuildError`] with the command that failed.
pub fn build_for(options: &Options<'_>, config: &Path) -> Result<PathBuf, BuildError> {
    let library = core(options)?;
    let includes =
        output(Command::new(config).arg("--includes"), "install PHP's headers (php-dev)")?;
    let shim = options.root.join("php/ext");
    fs::create_dir_all(options.out)
        .map_err(|error| BuildError(format!("{}: {error}", options.out.display())))?;
    let target = options.out.join("guarda.so");
    // A PHP that starts meanwhile, or has it loaded, keeps a whole file.
    let unfinished = options.out.join(format!(".guarda.so.{}", std::process::id()));
    let mut compile = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compile.args(["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]);
    compile.args(["-fvisibility=hidden", "-Wno-unused-parameter"]);
    compile.args(["-DZEND_ENABLE_STATIC_TSRMLS_CACHE=1", "-DCOMPILE_DL_GUARDA"]);
    for include in includes.split_whitespace() {
        // As system headers, so that their own warnings are not ours.
        compile.args(["-isystem", include.trim_start_matches("-I")]);
    }
    compile.args(SHIM.map(|file| shim.join(file))).arg(library);
    compile.args(["-Wl,--gc-sections", "-Wl,-z,relro,-z,now"]);
    let mut script = OsString::from("-Wl,--version-script=");
    script.push(shim.join("guarda.map"));
    compile.arg(script).args(SYSTEM_LIBRARIES).arg("-o").arg(&unfinished);
    output(&mut compile, "install a C compiler (gcc)")?;
    fs::rename(&unfinished, &target)
        .map_err(|error| BuildError(format!("{}: {error}", target.display())))?;
    Ok(target)
}

/// The static library. Cargo itself says where it put it.
fn core(options: &Options<'_>) -> Result<PathBuf, BuildError> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(options.root);
    cargo.args(["build", "--package", "guarda-php", "--lib", "--message-format=json"]);
    if options.release {
        cargo.arg("--release");
    }
    let messages = output(&mut cargo, "install cargo")?;
    let path = messages
        .split('"')
        .rfind(|text| text.ends_with("libguarda_php.a"))
        .ok_or_else(|| BuildError("cargo built no libguarda_php.a".to_owned()))?;
    Ok(PathBuf::from(path))
}

fn output(command: &mut Command, advice: &str) -> Result<String, BuildError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .map_err(|error| BuildError(format!("cannot run {name} ({error}): {advice}")))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(BuildError(format!("{name} failed:\n{said}")));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
