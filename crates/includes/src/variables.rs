//! Numbers by number that a source changes on its way, and a record of which of them a stretch of
//! that way has read and changed.

/// One variable.
#[derive(Clone, Copy, Debug, Default)]
struct Variable {
    value: u32,
    /// The round that changed it.
    changed: u32,
    /// The stretches in which it was last found read and written.
    read: u32,
    written: u32,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    variable: u32,
    /// What was read; of a change only its place counts.
    value: Option<u32>,
}

/// A variable and its value.
pub(crate) type Value = (u32, u32);

/// Marks are taken anew beyond this: a round takes far fewer than what is left.
const MOST_MARKS: u32 = u32::MAX / 2;

#[derive(Debug, Default)]
pub(crate) struct Variables {
    all: Vec<Variable>,
    /// Those that this round has changed.
    changed: Vec<u32>,
    round: u32,
    mark: u32,
    log: Vec<Event>,
    pub(crate) is_recorded: bool,
    /// Something was read that no record tells.
    pub(crate) has_lost: bool,
}

impl Variables {
    /// Begins a round with these values. If they are those of the round before, only what has changed
    /// since then is set.
    pub(crate) fn begin(&mut self, values: &[u32], are_known: bool) {
        self.log.clear();
        self.is_recorded = false;
        self.has_lost = false;
        let is_worn = self.round >= MOST_MARKS || self.mark >= MOST_MARKS;
        if !are_known || is_worn {
            self.all.clear();
            self.changed.clear();
            (self.round, self.mark) = (0, 0);
            let of = |value: &u32| Variable {
                value: *value,
                ..Variable::default()
            };
            self.all.extend(values.iter().map(of));
        }
        for variable in self.changed.drain(..) {
            let value = values.get(variable as usize).copied().unwrap_or(0);
            self.all[variable as usize].value = value;
        }
        self.round += 1;
    }

    /// The value, and a note that it was read.
    pub(crate) fn read(&mut self, index: usize) -> u32 {
        let value = self.all.get(index).map_or(0, |known| known.value);
        if self.is_recorded
            && let Ok(variable) = u32::try_from(index)
        {
            self.log.push(Event {
                variable,
                value: Some(value),
            });
        }
        value
    }

    pub(crate) fn set(&mut self, index: usize, value: u32) {
        // More variables than that do not fit into any memory.
        let Ok(variable) = u32::try_from(index) else {
            return;
        };
        if index >= self.all.len() {
            self.all.resize(index + 1, Variable::default());
        }
        let known = &mut self.all[index];
        known.value = value;
        if known.changed != self.round {
            known.changed = self.round;
            self.changed.push(variable);
        }
        if self.is_recorded {
            self.log.push(Event {
                variable,
                value: None,
            });
        }
    }

    /// Where a stretch begins that may be asked for.
    pub(crate) fn place(&self) -> usize {
        self.log.len()
    }

    /// What the stretch since a place has read before changing it, and what it has left changed. In the
    /// record the two lists take the stretch's place.
    pub(crate) fn stretch(&mut self, place: usize) -> (Box<[Value]>, Box<[Value]>) {
        self.mark += 1;
        let mark = self.mark;
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for event in self.log.drain(place..) {
            let index = event.variable as usize;
            if index >= self.all.len() {
                // Read only: changing it would have made room.
                self.all.resize(index + 1, Variable::default());
            }
            let known = &mut self.all[index];
            match event.value {
                Some(value) if known.read != mark && known.written != mark => {
                    known.read = mark;
                    reads.push((event.variable, value));
                }
                None if known.written != mark => {
                    known.written = mark;
                    writes.push((event.variable, known.value));
                }
                _ => {}
            }
        }
        self.note(&reads, &writes);
        (reads.into(), writes.into())
    }

    fn note(&mut self, reads: &[Value], writes: &[Value]) {
        let read = |(variable, value): &Value| Event {
            variable: *variable,
            value: Some(*value),
        };
        let write = |(variable, _): &Value| Event {
            variable: *variable,
            value: None,
        };
        self.log.extend(reads.iter().map(read));
        self.log.extend(writes.iter().map(write));
    }

    /// Whether a stretch would read now what it read then.
    pub(crate) fn reads(&self, reads: &[Value]) -> bool {
        reads.iter().all(|(variable, value)| {
            let known = self.all.get(*variable as usize);
            known.map_or(0, |known| known.value) == *value
        })
    }

    /// Does what a stretch did.
    pub(crate) fn repeat(&mut self, reads: &[Value], writes: &[Value]) {
        let is_recorded = std::mem::take(&mut self.is_recorded);
        for (variable, value) in writes {
            self.set(*variable as usize, *value);
        }
        self.is_recorded = is_recorded;
        if is_recorded {
            self.note(reads, writes);
        }
    }
}
