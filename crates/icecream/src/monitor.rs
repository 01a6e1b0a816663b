//! The text of MON_STATS: one `Key:Value` per line.
//!
//! Written exactly as icecc-scheduler 1.4 writes it, read tolerantly.

use std::fmt::Write;

/// What a scheduler tells monitors of one host.
#[derive(Clone, Debug, PartialEq)]
pub enum HostState {
    /// It has gone away.
    Offline,
    Online(HostStats),
}

/// A host as monitors see it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct HostStats {
    pub name: String,
    pub ip: String,
    pub max_jobs: u32,
    pub no_remote: bool,
    pub platform: String,
    /// The highest version its daemon can speak.
    pub version: u32,
    /// Bit 0: can unpack xz; bit 1: zstd.
    pub features: u32,
    pub speed: f64,
    /// 0 to 1000.
    pub load: u32,
    /// Only when the message follows a STATS.
    pub detail: Option<LoadDetail>,
}

/// The load averages (times 1000) and free memory (MiB) of a STATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LoadDetail {
    pub load_avg_1: u32,
    pub load_avg_5: u32,
    pub load_avg_10: u32,
    pub free_mem: u32,
}

const FEATURES: [(&str, u32); 2] = [("env_xz", 1), ("env_zstd", 2)];

/// The names of feature bits, separated by spaces; `--` for none.
pub fn feature_names(bits: u32) -> String {
    let names: Vec<_> = FEATURES
        .iter()
        .filter(|(_, bit)| bits & bit != 0)
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        "--".to_owned()
    } else {
        names.join(" ")
    }
}

impl HostState {
    /// The text of a MON_STATS message.
    pub fn to_text(&self) -> String {
        match self {
            Self::Offline => "State:Offline\n".to_owned(),
            Self::Online(stats) => stats.to_text(),
        }
    }

    /// Reads the text of a MON_STATS message. What is missing or unreadable stays at its default;
    /// what is unknown is left out.
    pub fn parse(text: &str) -> Self {
        let mut stats = HostStats::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            if key == "State" && value == "Offline" {
                return Self::Offline;
            }
            stats.set(key, value);
        }
        Self::Online(stats)
    }
}

impl HostStats {
    fn to_text(&self) -> String {
        let mut out = String::with_capacity(256);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "Name:{}\nIP:{}\nMaxJobs:{}\nNoRemote:{}\nPlatform:{}\nVersion:{}\nFeatures:{}\nSpeed:{:.6}\nLoad:{}\n",
            one_line(&self.name),
            one_line(&self.ip),
            self.max_jobs,
            self.no_remote,
            one_line(&self.platform),
            self.version,
            feature_names(self.features),
            self.speed,
            self.load,
        );
        if let Some(detail) = self.detail {
            let _ = write!(
                out,
                "LoadAvg1:{}\nLoadAvg5:{}\nLoadAvg10:{}\nFreeMem:{}\n",
                detail.load_avg_1, detail.load_avg_5, detail.load_avg_10, detail.free_mem,
            );
        }
        out
    }

    fn set(&mut self, key: &str, value: &str) {
        let number = || value.trim().parse().unwrap_or(0);
        match key {
            "Name" => self.name = value.to_owned(),
            "IP" => self.ip = value.to_owned(),
            "MaxJobs" => self.max_jobs = number(),
            "NoRemote" => self.no_remote = value == "true",
            "Platform" => self.platform = value.to_owned(),
            "Version" => self.version = number(),
            "Features" => self.features = feature_bits(value),
            "Speed" => {
                let speed: f64 = value.trim().parse().unwrap_or(0.0);
                self.speed = if speed.is_finite() { speed } else { 0.0 };
            }
            "Load" => self.load = number(),
            "LoadAvg1" => self.detail.get_or_insert_default().load_avg_1 = number(),
            "LoadAvg5" => self.detail.get_or_insert_default().load_avg_5 = number(),
            "LoadAvg10" => self.detail.get_or_insert_default().load_avg_10 = number(),
            "FreeMem" => self.detail.get_or_insert_default().free_mem = number(),
            _ => {}
        }
    }
}

fn feature_bits(names: &str) -> u32 {
    let bit = |name| {
        FEATURES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(0, |(_, bit)| *bit)
    };
    names
        .split_whitespace()
        .map(bit)
        .fold(0, |bits, bit| bits | bit)
}

/// A value that cannot add a line of its own.
fn one_line(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}
