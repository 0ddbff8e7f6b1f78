//! A network that is loopback alone: what runs there cannot reach anything beyond this machine.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::build::own_path;
use crate::php::said;

/// unshare's ways to a network of one's own: for who may do anything here, and for who becomes root of a namespace.
const WAYS: [&[&str]; 2] = [&["--net"], &["--map-root-user", "--net"]];

/// Runs this program with these arguments in a network namespace of its own.
pub(crate) fn rerun(arguments: &[&str]) -> Result<()> {
    let unshare = |way: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(way).stdin(Stdio::null());
        command
    };
    let may_go = |way: &[&str]| said(unshare(way).arg("true")).is_ok();
    let Some(way) = WAYS.into_iter().find(|way| may_go(way)) else {
        bail!(
            "these tests are run in a network namespace, so that none of them can reach beyond this machine, and \
             unshare cannot make one here: run this as root (in a container, with the capability SYS_ADMIN), or let \
             users have namespaces"
        );
    };
    let mut command = unshare(way);
    let status = command.arg(own_path()?).args(arguments).status().context("cannot run unshare")?;
    if !status.success() {
        bail!("`{}` failed ({status}); its messages are above", arguments.join(" "));
    }
    Ok(())
}

/// Brings loopback up, and fails where there is any other way out.
pub(crate) fn enter() -> Result<()> {
    said(Command::new("ip").args(["link", "set", "lo", "up"]))
        .context("loopback cannot be used")?;
    let read = |table: &str| {
        fs::read_to_string(table).with_context(|| format!("{table} says where packets go"))
    };
    // A kernel without IPv6 has no table of it.
    let (v4, v6) = (read("/proc/net/route")?, read("/proc/net/ipv6_route").unwrap_or_default());
    let others = other_routes(&v4, &v6);
    if !others.is_empty() {
        bail!("this network is not loopback alone; packets go by {}", others.join(", "));
    }
    Ok(())
}

/// The devices but loopback that the kernel's tables name: IPv4's says them first in each line but its head,
/// IPv6's last.
fn other_routes<'a>(v4: &'a str, v6: &'a str) -> Vec<&'a str> {
    let of_v4 = v4.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let of_v6 = v6.lines().filter_map(|line| line.split_whitespace().last());
    let mut others: Vec<&str> = of_v4.chain(of_v6).filter(|device| *device != "lo").collect();
    others.sort_unstable();
    others.dedup();
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\n";

    #[test]
    fn any_device_but_loopback_is_a_way_out() {
        let v6 = "00000000000000000000000000000001 80 0 00 0 00000000 00000002 00000000 80200001       lo\n";
        assert!(other_routes(HEAD, v6).is_empty());
        assert!(other_routes(HEAD, "").is_empty());
        let v4 = format!("{HEAD}eth0\t00000000\t010011AC\t0003\neth0\t000011AC\t00000000\t0001\n");
        assert_eq!(other_routes(&v4, v6), ["eth0"]);
        let v6 = format!("{v6}fe800000000000000000000000000000 40 0 00 0 00000100 1 0 1 wlan0\n");
        assert_eq!(other_routes(HEAD, &v6), ["wlan0"]);
    }
}
