//! When the owner of this host lends it: other hosts' compiles come second to whoever sits at it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// The owner's conditions for compiles of other hosts. The default has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// They get only processor time that nothing else wants.
    pub idle_only: bool,
    /// None starts while the load average of the last minute, in thousandths, is above this.
    pub max_load: Option<u32>,
    /// None starts at other times of day.
    pub hours: Option<Hours>,
    /// None starts while this host runs on battery.
    pub not_on_battery: bool,
    /// They have this much memory together; a share of this host's when nothing is said.
    pub memory: Option<Size>,
    /// How long one that runs already stays frozen before it is handed back.
    pub patience: Duration,
}

/// Long enough for a peak, short enough for somebody who waits for the compile.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl Default for Owner {
    fn default() -> Self {
        Self {
            idle_only: false,
            max_load: None,
            hours: None,
            not_on_battery: false,
            memory: None,
            patience: PATIENCE,
        }
    }
}

/// What the conditions are about, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The load average of the last minute, in thousandths.
    pub load: u32,
    /// Minutes since midnight, local time.
    pub minute: u16,
    pub on_battery: bool,
}

/// The condition that is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    Load { limit: u32 },
    Hours(Hours),
    Battery,
}

impl Owner {
    /// Why no compile of another host may start now.
    pub fn objection(&self, now: &Situation) -> Option<Objection> {
        if self.not_on_battery && now.on_battery {
            return Some(Objection::Battery);
        }
        if let Some(hours) = self.hours.filter(|hours| !hours.include(now.minute)) {
            return Some(Objection::Hours(hours));
        }
        let limit = self.max_load.filter(|&limit| now.load > limit)?;
        Some(Objection::Load { limit })
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load { limit } => {
                let limit = f64::from(*limit) / 1000.0;
                write!(out, "the load average is above {limit} (--max-load)")
            }
            Self::Hours(hours) => write!(out, "it is not {hours} (--hours)"),
            Self::Battery => out.write_str("this host runs on battery (--not-on-battery)"),
        }
    }
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// The text is no amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "memory is a number of megabytes, or a number with M, G or T, for example 8G, of at least 512M"
)]
pub struct BadSize;

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let text = text.trim().to_ascii_uppercase();
        let text = text
            .strip_suffix("IB")
            .or(text.strip_suffix('B'))
            .unwrap_or(&text);
        let shift = match text.bytes().last() {
            Some(b'G') => 30,
            Some(b'T') => 40,
            _ => 20,
        };
        let number = text.strip_suffix(['M', 'G', 'T']).unwrap_or(text);
        let digits = (1..=4).contains(&number.len()) || shift == 20 && number.len() <= 9;
        if !digits || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadSize);
        }
        let bytes = number.parse::<u64>().map_err(|_| BadSize)? << shift;
        // What a host gives at least when it has little.
        if bytes < crate::memory::LEAST {
            return Err(BadSize);
        }
        Ok(Self(bytes))
    }
}

/// A time of day that may span midnight: from one minute to another, the second excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

/// The text is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("hours are FROM-TO, two different times, for example 19:00-7:30 or 22-6")]
pub struct BadHours;

impl Hours {
    /// When they begin.
    pub fn begin(self) -> String {
        time(self.from)
    }

    fn include(self, minute: u16) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl FromStr for Hours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let (from, to) = text.split_once('-').ok_or(BadHours)?;
        let (from, to) = (minute(from)?, minute(to)?);
        // The same time twice could mean always or never.
        if from == to {
            Err(BadHours)
        } else {
            Ok(Self { from, to })
        }
    }
}

fn time(minute: u16) -> String {
    format!("{}:{:02}", minute / 60, minute % 60)
}

/// `7`, `7:30`, `24`.
fn minute(text: &str) -> Result<u16, BadHours> {
    let (hours, minutes) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
    let number = |text: &str, most: u16| {
        let digits = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse::<u16>()
            .ok()
            .filter(|&number| digits && number <= most);
        number.ok_or(BadHours)
    };
    let minute = number(hours, 24)? * 60 + number(minutes, 59)?;
    if minute <= 24 * 60 {
        Ok(minute)
    } else {
        Err(BadHours)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "between {} and {}", time(self.from), time(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, mib) in [
            ("8G", 8192),
            ("8 g", 0),
            ("8GiB", 8192),
            ("8gb", 8192),
            ("2048", 2048),
            ("512m", 512),
            ("1T", 1 << 20),
        ] {
            let size = text.parse::<Size>().map_or(0, |Size(bytes)| bytes >> 20);
            assert_eq!(size, mib, "{text}");
        }
        for bad in ["", "G", "-1G", "511M", "1.5G", "99999T", "x", "1K", "0"] {
            assert_eq!(bad.parse::<Size>(), Err(BadSize), "{bad}");
        }
    }

    fn hours(text: &str) -> Hours {
        text.parse().unwrap()
    }

    #[test]
    fn hours_may_span_midnight() {
        let night = hours("19:30-7");
        for (minute, inside) in [
            (0, true),
            (419, true),
            (420, false),
            (1169, false),
            (1170, true),
        ] {
            assert_eq!(night.include(minute), inside, "{minute}");
        }
        let day = hours("0-24");
        assert!(day.include(0) && day.include(1439));
        assert_eq!(night.to_string(), "between 19:30 and 7:00");
        for bad in [
            "", "7", "7-7", "7-25", "7-24:01", "-7-8", "7:60-8", "a-b", "007-8", "+7-8",
        ] {
            assert_eq!(bad.parse::<Hours>(), Err(BadHours), "{bad}");
        }
    }

    #[test]
    fn each_condition_objects_for_itself() {
        let now = Situation {
            load: 2500,
            minute: 600,
            on_battery: true,
        };
        assert_eq!(Owner::default().objection(&now), None);
        let objection = |owner: Owner| owner.objection(&now);
        let max_load = |limit| Owner {
            max_load: Some(limit),
            ..Owner::default()
        };
        assert_eq!(objection(max_load(2500)), None);
        assert_eq!(
            objection(max_load(2000)),
            Some(Objection::Load { limit: 2000 })
        );
        let night = Some(hours("22-6"));
        let owner = Owner {
            hours: night,
            ..Owner::default()
        };
        assert_eq!(objection(owner), night.map(Objection::Hours));
        let owner = Owner {
            not_on_battery: true,
            ..owner
        };
        assert_eq!(objection(owner), Some(Objection::Battery));
    }
}
