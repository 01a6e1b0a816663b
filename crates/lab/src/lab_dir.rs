//! The directory that holds a lab's hosts, logs and shared files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use anyhow::{Context, Result};

/// Removed at drop, unless `FLOE_LAB_KEEP` is set or the thread panics: then its path is printed.
pub(crate) struct LabDir {
    path: PathBuf,
}

/// What the names of labs begin with; the process id follows.
const PREFIX: &str = "floe-lab-";
/// Marks a lab that stays for whoever looks into a failure.
const KEPT: &str = "kept";
/// Says whose process id is in a lab's name.
const OWNER: &str = "owner";

static NEXT: AtomicU32 = AtomicU32::new(0);

impl LabDir {
    /// Makes a fresh directory below `parent`, else below `FLOE_LAB_DIR`, else `/var/tmp`: short,
    /// since it holds sockets, and reachable for users that daemons drop to.
    pub(crate) fn create(parent: Option<&Path>) -> Result<Self> {
        let parent = match parent {
            Some(parent) => parent.to_owned(),
            None => env::var_os("FLOE_LAB_DIR").map_or_else(|| "/var/tmp".into(), PathBuf::from),
        };
        sweep(&parent);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
                    fs::write(path.join(OWNER), process_ids())?;
                    return Ok(Self {
                        path: path.canonicalize()?,
                    });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    return Err(e).with_context(|| format!("cannot create {}", path.display()));
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the lab for cgroups and the like: unique on this machine.
    pub(crate) fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }
}

impl Drop for LabDir {
    fn drop(&mut self) {
        if env::var_os("FLOE_LAB_KEEP").is_some() || std::thread::panicking() {
            let _ = fs::write(self.path.join(KEPT), "");
            eprintln!("lab kept: {}", self.path.display());
            return;
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Names the view of process ids that this process has.
fn process_ids() -> String {
    fs::read_link("/proc/self/ns/pid")
        .map_or_else(|_| String::new(), |link| link.display().to_string())
}

/// Removes what labs left whose process was killed. Their hosts ended with it.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let owner = rest.split('-').next().unwrap_or_default();
        let path = entry.path();
        // Inside a host other process ids are seen, which say nothing about a lab around it.
        let ours = fs::read_to_string(path.join(OWNER)).is_ok_and(|text| text == process_ids());
        let alive = Path::new("/proc").join(owner).exists();
        if ours && !alive && !path.join(KEPT).exists() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Makes a directory below the lab that everybody may write to.
pub(crate) fn open_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o1777))?;
    Ok(())
}
