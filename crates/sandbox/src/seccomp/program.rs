//! From tables of system calls to a classic BPF program.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W,
    EPERM, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO,
};

/// `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    pub(super) code: u16,
    pub(super) if_true: u8,
    pub(super) if_false: u8,
    pub(super) value: u32,
}

/// When a call is allowed. Arguments are compared in their lower half, which is all that the
/// kernel looks at for these.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Answered with this error.
    Refuse(i32),
    /// No bit of the argument is among these.
    Without { argument: u8, bits: u32 },
    /// Some of these bits are not in the argument.
    NotAll { argument: u8, bits: u32 },
    OneOf {
        argument: u8,
        values: &'static [u32],
        otherwise: i32,
    },
    NoneOf {
        argument: u8,
        values: &'static [u32],
    },
}

/// One architecture's calls.
pub(super) struct Table {
    /// AUDIT_ARCH_*.
    pub(super) architecture: u32,
    pub(super) rules: Vec<(u32, Rule)>,
    /// Allowed whatever their arguments are.
    pub(super) allowed: Vec<u32>,
    /// The last call that existed when the list was made.
    pub(super) newest: u32,
}

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

fn argument(index: u8) -> u32 {
    let low_half = if cfg!(target_endian = "little") { 0 } else { 4 };
    16 + 8 * u32::from(index) + low_half
}

pub(super) fn assemble(tables: &[Table]) -> Vec<Instruction> {
    let mut out = vec![load(ARCHITECTURE)];
    for table in tables {
        let block = block(table);
        // A conditional jump reaches 255 instructions, this one all.
        out.push(jump(BPF_JEQ, table.architecture, 1, 0));
        out.push(Instruction {
            code: code(BPF_JMP | libc::BPF_JA),
            if_true: 0,
            if_false: 0,
            value: u32::try_from(block.len()).unwrap_or(u32::MAX),
        });
        out.extend(block);
    }
    out.push(refuse(libc::ENOSYS));
    out
}

fn block(table: &Table) -> Vec<Instruction> {
    let mut out = vec![load(NUMBER)];
    for (number, rule) in &table.rules {
        let body = body(rule);
        out.push(jump(BPF_JEQ, *number, 0, body.len()));
        out.extend(body);
    }
    out.extend([jump(BPF_JGT, table.newest, 0, 1), refuse(libc::ENOSYS)]);
    let mut ranges = ranges(&table.allowed);
    // The search ends at the last range that begins at the number or below it: there must be one.
    if ranges.first().is_some_and(|(first, _)| *first > 0) {
        out.extend([jump(BPF_JGE, ranges[0].0, 1, 0), refuse(EPERM)]);
        ranges[0].0 = 0;
    }
    out.extend(search(&ranges));
    out
}

/// Ends in an answer whatever happens.
fn body(rule: &Rule) -> Vec<Instruction> {
    match *rule {
        Rule::Refuse(errno) => vec![refuse(errno)],
        Rule::Without { argument: at, bits } => masked(at, bits, 0, allow(), refuse(EPERM)),
        Rule::NotAll { argument: at, bits } => masked(at, bits, bits, refuse(EPERM), allow()),
        Rule::OneOf {
            argument: at,
            values,
            otherwise,
        } => choice(at, values, refuse(otherwise), allow()),
        Rule::NoneOf {
            argument: at,
            values,
        } => choice(at, values, allow(), refuse(EPERM)),
    }
}

/// One answer if these bits of the argument are `value`, else another.
fn masked(at: u8, bits: u32, value: u32, yes: Instruction, no: Instruction) -> Vec<Instruction> {
    vec![
        load(argument(at)),
        Instruction {
            code: code(BPF_ALU | BPF_AND | BPF_K),
            if_true: 0,
            if_false: 0,
            value: bits,
        },
        jump(BPF_JEQ, value, 0, 1),
        yes,
        no,
    ]
}

fn choice(at: u8, values: &[u32], other: Instruction, named: Instruction) -> Vec<Instruction> {
    let mut out = vec![load(argument(at))];
    for (index, value) in values.iter().enumerate() {
        // Over the remaining comparisons and the answer for other values.
        out.push(jump(BPF_JEQ, *value, values.len() - index, 0));
    }
    out.extend([other, named]);
    out
}

fn ranges(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if number <= *last + 1 => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// Halves the ranges until one is left. The kernel translates the program for each job, and runs it
/// once for each call there is, so it had better be short.
fn search(ranges: &[(u32, u32)]) -> Vec<Instruction> {
    match ranges {
        [] => vec![refuse(EPERM)],
        [(_, last)] => vec![jump(BPF_JGT, *last, 1, 0), allow(), refuse(EPERM)],
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let middle = high[0].0;
            let (low, high) = (search(low), search(high));
            let mut out = match low.len() {
                // A conditional jump reaches no farther.
                256.. => vec![
                    jump(BPF_JGE, middle, 0, 1),
                    Instruction {
                        code: code(BPF_JMP | libc::BPF_JA),
                        if_true: 0,
                        if_false: 0,
                        value: u32::try_from(low.len()).unwrap_or(u32::MAX),
                    },
                ],
                near => vec![jump(BPF_JGE, middle, near, 0)],
            };
            out.extend(low);
            out.extend(high);
            out
        }
    }
}

fn code(code: u32) -> u16 {
    u16::try_from(code).unwrap_or(0)
}

fn load(offset: u32) -> Instruction {
    Instruction {
        code: code(BPF_LD | BPF_W | BPF_ABS),
        if_true: 0,
        if_false: 0,
        value: offset,
    }
}

fn jump(comparison: u32, value: u32, if_true: usize, if_false: usize) -> Instruction {
    debug_assert!(if_true < 256 && if_false < 256);
    Instruction {
        code: code(BPF_JMP | comparison | BPF_K),
        if_true: u8::try_from(if_true).unwrap_or(u8::MAX),
        if_false: u8::try_from(if_false).unwrap_or(u8::MAX),
        value,
    }
}

fn allow() -> Instruction {
    answer(SECCOMP_RET_ALLOW)
}

fn refuse(errno: i32) -> Instruction {
    answer(SECCOMP_RET_ERRNO | errno.unsigned_abs())
}

fn answer(value: u32) -> Instruction {
    Instruction {
        code: code(BPF_RET | BPF_K),
        if_true: 0,
        if_false: 0,
        value,
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
