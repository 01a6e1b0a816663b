//! What the test program does when a sandbox runs it: tries things, and says on standard output
//! what came of each. One line per finding.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, exit};
use std::time::Duration;

use crate::tree::PROBE;

/// Runs the action that `arguments` name and ends the process.
pub(crate) fn run(arguments: &[String]) -> ! {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["exit", status] => exit(status.parse().unwrap()),
        ["die", signal] => die(signal.parse().unwrap()),
        ["environment"] => environment(),
        ["network"] => network(),
        ["files"] => files(),
        ["signal", pid] => signal(pid.parse().unwrap()),
        ["rights"] => rights(),
        ["spin"] => spin(),
        ["allocate", mebibytes] => allocate(mebibytes.parse().unwrap()),
        ["write", name, mebibytes] => write(name, mebibytes.parse().unwrap()),
        ["breed"] => breed(),
        ["orphan"] => orphan(),
        ["sleep"] => sleep(),
        ["tick"] => tick(),
        ["fill", mebibytes, processes] => fill(mebibytes, processes.parse().unwrap()),
        ["policy"] => policy(),
        ["count"] => println!(
            "{} bytes, {} arguments",
            read_input(),
            std::env::args().count()
        ),
        _ => exit(99),
    }
    exit(0)
}

fn read_input() -> u64 {
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).unwrap()
}

fn die(signal: i32) -> ! {
    rustix::process::kill_process(
        rustix::process::getpid(),
        rustix::process::Signal::from_named_raw(signal).unwrap(),
    )
    .unwrap();
    // An ignored or blocked signal would get here.
    exit(98)
}

fn environment() {
    for (name, value) in std::env::vars() {
        println!("{name}={value}");
    }
    println!("directory {}", std::env::current_dir().unwrap().display());
    println!(
        "host {}",
        rustix::system::uname().nodename().to_str().unwrap()
    );
    println!("process {}", std::process::id());
    println!(
        "user {} group {}",
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw()
    );
    println!(
        "umask {:03o}",
        rustix::process::umask(rustix::fs::Mode::empty()).as_raw_mode()
    );
    println!(
        "nice {}",
        rustix::process::getpriority_process(None).unwrap()
    );
    let open = (0..4096).filter(|&number| is_open(number)).count();
    println!("descriptors {open}");
}

fn is_open(number: i32) -> bool {
    // SAFETY: only asked about, which tells open from closed and does nothing else.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_getfd(borrowed).is_ok()
}

fn network() {
    println!(
        "tcp {}",
        told(TcpStream::connect_timeout(
            &([127, 0, 0, 1], 22).into(),
            Duration::from_secs(1)
        ))
    );
    let udp =
        UdpSocket::bind(("0.0.0.0", 0)).and_then(|socket| socket.send_to(b"x", ("192.0.2.1", 9)));
    println!("udp {}", told(udp));
}

fn told<T>(result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => "worked".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn files() {
    let mut names: Vec<_> = fs::read_dir("/")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    println!("root {}", names.join(" "));
    println!("passwd {}", told(fs::read("/etc/passwd")));
    println!("proc {}", fs::read_dir("/proc").unwrap().count());
    println!("write /usr {}", told(fs::write("/usr/new", "x")));
    println!("write /etc {}", told(fs::write("/etc/placeholder", "x")));
    println!("mkdir / {}", told(fs::create_dir("/new")));
    println!("write /tmp {}", told(fs::write("/tmp/new", "x")));
    println!("up {}", told(fs::read_dir("/tmp/../../../home")));
    println!("null {}", told(fs::write("/dev/null", "x")));
    let mut random = [0; 16];
    println!(
        "urandom {}",
        told(fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)))
    );
    println!(
        "device {}",
        told(
            rustix::fs::mknodat(
                rustix::fs::CWD,
                "/tmp/device",
                rustix::fs::FileType::CharacterDevice,
                0o666.into(),
                rustix::fs::makedev(1, 3),
            )
            .map_err(Into::into)
        )
    );
}

fn signal(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    println!(
        "host {}",
        told(rustix::process::test_kill_process(pid).map_err(Into::into))
    );
    let init = rustix::process::Pid::INIT;
    // Without Landlock it would be allowed, and without effect: the outcome must still come.
    println!(
        "init {}",
        told(
            rustix::process::kill_process(init, rustix::process::Signal::KILL).map_err(Into::into)
        )
    );
}

fn rights() {
    let sets = rustix::thread::capabilities(None).unwrap();
    println!(
        "capabilities {} {} {}",
        sets.effective.bits(),
        sets.permitted.bits(),
        sets.inheritable.bits()
    );
    println!(
        "no new privileges {}",
        rustix::thread::no_new_privs().unwrap()
    );
    println!(
        "host name {}",
        told(rustix::system::sethostname(b"mine").map_err(Into::into))
    );
    println!(
        "mount {}",
        told(
            rustix::mount::mount(
                c"none",
                c"/tmp",
                c"tmpfs",
                rustix::mount::MountFlags::empty(),
                None
            )
            .map_err(Into::into),
        )
    );
    println!(
        "unmount {}",
        told(
            rustix::mount::unmount(c"/tmp", rustix::mount::UnmountFlags::DETACH)
                .map_err(Into::into)
        )
    );
}

fn spin() {
    let mut value = 0u64;
    loop {
        value = std::hint::black_box(value.wrapping_add(1));
    }
}

fn allocate(mebibytes: usize) {
    let mut bytes: Vec<u8> = Vec::new();
    match bytes.try_reserve_exact(mebibytes << 20) {
        Ok(()) => println!("allocated"),
        Err(_) => println!("refused"),
    }
}

fn write(name: &str, mebibytes: usize) {
    let mut file = fs::File::create(name).unwrap();
    for _ in 0..mebibytes {
        file.write_all(&[1; 1 << 20]).unwrap();
    }
    println!("written");
}

/// As many children as there may be.
fn breed() {
    let mut children = 0;
    while Command::new(PROBE)
        .args(["--inside", "sleep"])
        .spawn()
        .is_ok()
    {
        children += 1;
        if children > 500 {
            break;
        }
    }
    println!("children {children}");
}

/// Leaves a grandchild behind that keeps standard output open.
#[expect(clippy::zombie_processes, reason = "that is the case being tried")]
fn orphan() {
    Command::new(PROBE)
        .args(["--inside", "sleep"])
        .spawn()
        .unwrap();
    println!("left");
}

fn sleep() -> ! {
    println!("asleep");
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

fn tick() -> ! {
    loop {
        println!("tick");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Uses memory in this process and others, all at once.
fn fill(mebibytes: &str, processes: u32) {
    let child = (processes > 1).then(|| {
        let rest = (processes - 1).to_string();
        Command::new(PROBE)
            .args(["--inside", "fill", mebibytes, &rest])
            .spawn()
            .unwrap()
    });
    let bytes = vec![1u8; mebibytes.parse::<usize>().unwrap() << 20];
    std::thread::sleep(Duration::from_millis(300));
    std::hint::black_box(&bytes);
    if let Some(mut child) = child {
        child.wait().unwrap();
    }
}

fn policy() {
    // SAFETY: numbers only.
    println!("policy {}", unsafe { libc::sched_getscheduler(0) });
}
