//! What a compile's clock says here: the words for which compilers read it, as the local compiler would write them.
//!
//! gcc, and clang since 16, take the moment for `__DATE__` and `__TIME__` from SOURCE_DATE_EPOCH, and write it down as
//! that of UTC. The moment whose UTC reads as the time does here makes an executor's compiler write what the
//! local one writes; zones, and programs that show compilers another clock, are the local compiler's affair. Nothing
//! else that compilers and assemblers do heeds that variable, but clang's `__TIMESTAMP__` (measured with gcc 11 and
//! 12, clang 14 and 16, and mingw's gcc 12).

use std::io;

use super::compiler::Asked;

const TEXT: &[u8] = b"__DATE__ __TIME__\n";
/// Any moment that no clock shows.
const KNOWN: u64 = 1_000_000_007;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Asked {
    /// The moment whose UTC reads as the compiler's clock does now.
    pub(super) fn clock(&self) -> io::Result<u64> {
        self.read_clock(None)
    }

    /// Whether it takes the moment from SOURCE_DATE_EPOCH.
    pub(super) fn heeds_epoch(&self) -> io::Result<bool> {
        Ok(self.read_clock(Some(KNOWN))? == KNOWN)
    }

    fn read_clock(&self, epoch: Option<u64>) -> io::Result<u64> {
        let said = self.preprocess(TEXT, &["-P"], epoch.map(|epoch| epoch.to_string()))?;
        let odd = || io::Error::other("the compiler does not tell the time");
        seconds(&said.stdout).ok_or_else(odd)
    }
}

/// `"Nov 23 2026" "04:31:10"` as seconds since 1970.
fn seconds(said: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(said).ok()?;
    let mut quoted = text.trim().split('"').skip(1).step_by(2);
    let (date, time) = (quoted.next()?, quoted.next()?);
    let mut date = date.split_ascii_whitespace();
    let month = date.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let (day, year) = (
        date.next()?.parse::<i64>().ok()?,
        date.next()?.parse().ok()?,
    );
    let mut time = time.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let days = days(year, i64::try_from(month).ok()? + 1, day);
    u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

/// Days from 1970 to a date of the Gregorian calendar, whose years begin in March here.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, in_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        for (said, expected) in [
            ("\"Jan  1 1970\" \"00:00:00\"\n", Some(0)),
            ("\n\"Nov 23 2026\" \"04:31:10\"\n", Some(1_795_408_270)),
            ("\"Feb 29 2024\" \"23:59:59\"", Some(1_709_251_199)),
            ("\"Mar  1 2000\" \"00:00:01\"", Some(951_868_801)),
            ("\"??? ?? ????\" \"??:??:??\"", None),
            ("", None),
        ] {
            assert_eq!(seconds(said.as_bytes()), expected, "{said}");
        }
    }
}
