//! The steps of making a sandbox, so that a failure can say which one it was.

use rustix::io::Errno;
use thiserror::Error;

macro_rules! steps {
    ($($name:ident = $number:literal, $what:literal, $next:literal;)*) => {
        /// One step between a request and a running program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step {
            $(#[doc = $what] $name = $number,)*
        }

        impl Step {
            pub(crate) fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// What was being done, as it reads after "while".
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }

            /// What may help; empty when there is nothing general to say.
            pub fn next(self) -> &'static str {
                match self { $(Self::$name => $next,)* }
            }
        }
    };
}

steps! {
    // Of the zygote, once (the two about users also of each job).
    Root = 1, "checking the user", "sandboxes are made without root: give `floe daemon` a user to become (-u), or start it as one";
    Fork = 2, "starting the sandbox helper", "raise the limit of processes (ulimit -u)";
    UserNamespace = 3, "making a user namespace", "let unprivileged users make user namespaces (or raise /proc/sys/user/max_user_namespaces)";
    IdMap = 4, "mapping the user into the user namespace", "mount /proc, and let unprivileged users make user namespaces";
    Namespaces = 5, "making mount, network, host name and IPC namespaces", "raise the limits in /proc/sys/user";
    MountTrial = 6, "trying a mount in the user namespace", "let unprivileged users mount in their user namespaces (a security module may forbid it)";
    Network = 7, "making an empty network namespace", "raise /proc/sys/user/max_net_namespaces";

    Filters = 8, "looking for Landlock and seccomp", "a kernel with both is needed where namespaces are forbidden (CONFIG_SECURITY_LANDLOCK, CONFIG_SECCOMP_FILTER, and landlock in the kernel's lsm= list)";
    ChangeRoot = 9, "trying to change the root directory", "give the container CAP_SYS_CHROOT, CAP_SETUID and CAP_SETGID";

    // Of the toolchain's mount namespace, once per toolchain.
    ToolchainOpen = 20, "opening the toolchain directory", "the toolchain may have been removed: it is sent again at the next request";
    ToolchainMount = 21, "mounting the toolchain as root", "";
    Devices = 22, "laying the devices over the toolchain's", "";
    Pivot = 23, "changing to the toolchain's root", "";
    RoomHandover = 24, "handing over the toolchain's mount namespace", "";

    // Of one job.
    Request = 40, "reading the request", "";
    Clone = 41, "starting the job's first process", "raise the limit of processes (ulimit -u) or /proc/sys/user/max_pid_namespaces";
    ScratchOpen = 42, "opening the job's scratch directory", "check that it exists and belongs to the daemon's user";
    Enter = 43, "entering the toolchain's mount namespace", "raise /proc/sys/user/max_mnt_namespaces";
    ScratchMount = 44, "mounting the scratch directory in the job's view", "the toolchain needs an empty directory /tmp";
    View = 46, "reading which files the job may see", "jobs of this host's own toolchain need Rung::Installed, others any other rung";
    NetworkEnter = 45, "entering the network namespace", "";
    Privileges = 47, "giving up privileges", "";
    Supervise = 48, "watching over the job", "";
    Vfork = 49, "starting the program's process", "raise the limit of processes";
    Limit = 50, "setting resource limits", "";
    Descriptors = 51, "arranging the standard streams", "";
    Directory = 52, "changing to the job's directory", "";
    User = 54, "becoming the job's user", "";
    Landlock = 55, "putting Landlock's rules in force", "";
    Seccomp = 56, "installing the system call filter", "";
    Execute = 53, "executing the program", "the toolchain may lack the program, its loader or a library, or lie on a file system mounted noexec";
}

/// Why a program never ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("failed while {}: {}{}{}", .step.what(), .errno, if .step.next().is_empty() { "" } else { "; " }, .step.next())]
pub struct StartError {
    pub step: Step,
    pub errno: Errno,
}

/// Names the step at which a system call failed.
pub(crate) trait At<T> {
    fn at(self, step: Step) -> Result<T, StartError>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Result<T, StartError> {
        self.map_err(|errno| StartError { step, errno })
    }
}
