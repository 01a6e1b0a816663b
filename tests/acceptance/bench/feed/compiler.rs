//! A gcc whose C++ compiler proper sleeps instead of compiling, and says something of the right length.
//! What it preprocesses is preprocessed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// This program is the compiler where it has this name.
pub(crate) const NAME: &str = "cc1plus";
/// The true one, beside it.
const TRUE: &str = "cc1plus.true";
/// How long it sleeps and how much it says: an option that compilers proper are given wherever they run, and that
/// changes nothing.
const ORDER: &str = "-frandom-seed=";

/// A copy of gcc in a directory of its own.
pub(super) struct Sleeping {
    directory: PathBuf,
}

impl Sleeping {
    /// The system's g++ in `directory`.
    pub(super) fn make(directory: &Path) -> Result<Self> {
        let programs = said(&["-print-prog-name=cc1plus"])?;
        let library = programs.parent().context("cc1plus has no directory")?;
        let root = Path::new("/usr");
        let inside = library.strip_prefix(root).context("gcc is not in /usr")?;
        let copy = directory.join(inside);
        fs::create_dir_all(directory.join("bin"))?;
        if let Some(above) = copy.parent() {
            fs::create_dir_all(above)?;
        }
        let copied = Command::new("cp")
            .arg("-a")
            .args([library, &copy])
            .status()?;
        ensure!(copied.success(), "{} cannot be copied", library.display());
        // Headers are looked for relative to it.
        symlink(root.join("include"), directory.join("include"))?;
        let driver = fs::canonicalize("/usr/bin/g++")?;
        fs::copy(&driver, directory.join("bin/g++"))?;
        fs::rename(copy.join(NAME), copy.join(TRUE))?;
        let compiler = copy.join(NAME);
        fs::copy(std::env::current_exe()?, &compiler)?;
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    pub(super) fn driver(&self) -> PathBuf {
        self.directory.join("bin/g++")
    }

    /// The option that has it sleep so many seconds for an object of so many bytes.
    pub(super) fn order(seconds: f64, object: u64) -> String {
        format!("{ORDER}{seconds}:{object}")
    }
}

fn said(words: &[&str]) -> Result<PathBuf> {
    let output = Command::new("g++").args(words).output()?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// What gcc's driver calls: `words` are those behind its name.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let output = words.iter().skip_while(|word| *word != "-o").nth(1);
    let preprocesses = words.iter().any(|word| word == "-E");
    // In a pipe it goes to the assembler's standard input.
    let assembles = |output: &&String| output.ends_with(".s") || *output == "-";
    let assembly = output.filter(assembles).filter(|_| !preprocesses);
    let order = words.iter().find_map(|word| word.strip_prefix(ORDER));
    if let (Some(assembly), Some(order)) = (assembly, order) {
        let (seconds, object) = order.split_once(':').context("half an order")?;
        let (seconds, object) = (seconds.parse()?, object.parse()?);
        std::thread::sleep(Duration::from_secs_f64(seconds));
        return say(assembly, &filler(object));
    }
    let beside = |me: PathBuf| Some(me.with_file_name(TRUE)).filter(|compiler| compiler.exists());
    if let Some(compiler) = std::env::current_exe().ok().and_then(beside) {
        let error = Command::new(&compiler).args(words).exec();
        return Err(error).with_context(|| compiler.display().to_string());
    }
    // Somebody tries whether the compiler runs elsewhere.
    say(output.map_or("-", String::as_str), &filler(64))
}

fn say(output: &str, text: &str) -> Result<()> {
    match output {
        "-" => std::io::stdout().write_all(text.as_bytes())?,
        output => fs::write(output, text).with_context(|| output.to_owned())?,
    }
    Ok(())
}

/// Assembly of some data, about as hard to compress as code.
fn filler(size: u64) -> String {
    let mut text = String::from("\t.file \"sleeping\"\n\t.data\n");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..size / 64 {
        text += "\t.ascii \"";
        for _ in 0..64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push(char::from(b'a' + (state % 16) as u8));
        }
        text += "\"\n";
    }
    text
}
