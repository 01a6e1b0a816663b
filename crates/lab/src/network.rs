//! The switch of a lab: a bridge in a network namespace of its own, and cables to the hosts.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::holder::Holder;
use crate::host::LinkSpec;

/// The bridge's namespace. No interface of the machine is in it, so nothing leaves it.
pub(crate) struct Switch {
    holder: Holder,
}

/// Where a host is plugged in.
pub(crate) struct Port {
    switch: Arc<Switch>,
    name: String,
    /// Forwards frames; absent for a plain cable.
    #[cfg(feature = "links")]
    _link: Option<crate::link::Forwarder>,
}

impl Switch {
    pub(crate) fn create() -> Result<Self> {
        let switch = Self {
            holder: Holder::network()?,
        };
        switch.ip(
            "link set lo up\nlink add bridge type bridge forward_delay 0\nlink set bridge up\n",
        )?;
        Ok(switch)
    }

    fn ip(&self, batch: &str) -> Result<()> {
        self.holder.inside(|| ip(batch))
    }

    /// Connects a host: it gets `eth0` with `address`, within 10.77.0.0/16.
    pub(crate) fn connect(
        self: &Arc<Self>,
        host: &Holder,
        number: u32,
        address: Ipv4Addr,
        link: Option<&LinkSpec>,
    ) -> Result<Port> {
        let name = format!("port{number}");
        #[cfg(feature = "links")]
        let forwarder = match link {
            Some(spec) => Some(self.forward(host, &name, spec)?),
            None => None,
        };
        #[cfg(not(feature = "links"))]
        if link.is_some() {
            bail!("links with delay need the feature `links` of the crate `lab`");
        }
        if link.is_none() {
            let pid = host.pid();
            self.ip(&format!(
                "link add {name} type veth peer name eth0 netns {pid}\n"
            ))?;
        }
        self.ip(&format!(
            "link set {name} master bridge\nlink set {name} up\n"
        ))?;
        host.inside(|| {
            ip(&format!(
                "link set lo up\nlink set eth0 up\naddress add {address}/16 broadcast + dev eth0\n"
            ))
        })?;
        Ok(Port {
            switch: Arc::clone(self),
            name,
            #[cfg(feature = "links")]
            _link: forwarder,
        })
    }

    #[cfg(feature = "links")]
    fn forward(
        &self,
        host: &Holder,
        name: &str,
        spec: &LinkSpec,
    ) -> Result<crate::link::Forwarder> {
        let near = host.inside(|| crate::link::tap("eth0"))?;
        let far = self.holder.inside(|| crate::link::tap(name))?;
        crate::link::Forwarder::start(near, far, spec)
    }
}

impl Port {
    /// Takes the cable out or puts it back.
    pub(crate) fn set(&self, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        self.switch.ip(&format!("link set {} {state}\n", self.name))
    }
}

/// Runs lines of `ip` commands in the namespace of the calling thread.
fn ip(batch: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `ip` (package iproute2)")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(batch.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "ip: {}: {}",
            batch.trim(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
