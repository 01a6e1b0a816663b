//! Parts of the kernel that no compiler has business with.

use sandbox::Wall;

use crate::Case;
use crate::attack::Attack;
use crate::stage::Stage;

pub(crate) const CASES: &[Case] = &[
    (
        "calls_only_what_compilers_call",
        calls_only_what_compilers_call,
    ),
    ("mounts_nothing", mounts_nothing),
];

fn calls_only_what_compilers_call(stage: &Stage) {
    Attack::new(&["kernel"], &[Wall::Seccomp]).is_held(stage);
}

fn mounts_nothing(stage: &Stage) {
    Attack::new(&["mount"], &[Wall::Seccomp, Wall::Landlock]).is_held(stage);
}
