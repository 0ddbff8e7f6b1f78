//! `cargo xtask demo`: one user, two web servers, and what becomes of the user's session.

mod scenes;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use guarda_farm::{Cancel, Farm, FarmOptions, Handler, Need, Site, StoreProgram, install};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::build;

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Who keeps the sessions
    #[arg(long, value_enum, default_value = "guarda")]
    handler: HandlerName,
    /// Show it and end, instead of staying until Ctrl-C; fails if a promise is not kept
    #[arg(long)]
    once: bool,
    /// The store; the default is this workspace's guarda, anything else is for comparison
    #[arg(long, value_enum, default_value = "guarda")]
    server: ServerName,
    /// Build guarda with optimizations: a longer build, and the speed that users get
    #[arg(long)]
    release: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HandlerName {
    /// guarda.so, in the store
    Guarda,
    /// phpredis with its defaults, in the store, for comparison
    Phpredis,
    /// PHP's own files, in each web server's own directory, for comparison
    Files,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ServerName {
    Guarda,
    RedisServer,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let cancel = Cancel::default();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, cancel.flag())
            .context("cannot take over Ctrl-C, without which the demo could not clean up")?;
    }
    let shown = prepare(options, &cancel).and_then(|farm| show(options, farm, &cancel));
    // Everything is gone by now: the farms were dropped on the way here.
    match shown {
        Err(error) if !cancel.is_cancelled() => Err(error),
        _ if cancel.is_cancelled() && options.once => bail!("interrupted"),
        _ => Ok(()),
    }
}

/// Installs and builds what is needed.
fn prepare(options: &Options, cancel: &Cancel) -> Result<FarmOptions> {
    let server = match options.server {
        ServerName::Guarda => Need::Build,
        ServerName::RedisServer => Need::Peer,
    };
    let mut needs = vec![server, Need::Farm];
    if options.handler == HandlerName::Guarda {
        needs.push(Need::Extension);
    }
    install(&needs, &mut |line| eprintln!("{line}"))?;
    let store = match options.server {
        // A debug build: on the first run most of the time is the build's, and a demo's speed is PHP's.
        ServerName::Guarda => StoreProgram::guarda(build::guarda(options.release)?),
        ServerName::RedisServer => StoreProgram::redis_server()?,
    };
    let handler = match options.handler {
        HandlerName::Guarda => Handler::Guarda,
        HandlerName::Phpredis => Handler::Phpredis,
        HandlerName::Files => Handler::Files,
    };
    let extension = match options.handler {
        HandlerName::Guarda => Some(build::extension(options.release)?),
        _ => None,
    };
    let farm = FarmOptions { extension, cancel: cancel.clone(), ..FarmOptions::new(store) };
    Ok(farm.both(&Site::new(handler)))
}

fn show(options: &Options, farm: FarmOptions, cancel: &Cancel) -> Result<()> {
    let contrast = farm.clone().both(&Site::new(Handler::Files));
    let label = farm.store.label().to_owned();
    let mut farm = Farm::start(farm)?;
    scenes::introduce(&farm, &label, options.handler);
    match options.handler {
        HandlerName::Files => scenes::files_only(&farm, options.once)?,
        handler => {
            scenes::follow(&farm)?;
            scenes::parallel(&farm, handler)?;
            if handler == HandlerName::Guarda && options.server == ServerName::Guarda {
                scenes::queue(&farm)?;
            }
            scenes::restart(&mut farm, &label)?;
            scenes::contrast(&Farm::start(contrast)?)?;
        }
    }
    if options.once {
        return Ok(());
    }
    scenes::stay(&mut farm, cancel)
}
