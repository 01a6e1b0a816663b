//! The table that is printed.

/// Rows as they come in.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    what: String,
    unit: &'static str,
    debian: Option<f64>,
    floe: Option<f64>,
    goal: &'static str,
}

impl Table {
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        debian: Option<f64>,
        floe: Option<f64>,
        goal: &'static str,
    ) {
        self.rows.push(Row {
            what: what.into(),
            unit,
            debian,
            floe,
            goal,
        });
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn print(&self) {
        println!("| figure | Debian icecc | floe | ratio | goal |\n|---|---|---|---|---|");
        for Row {
            what,
            unit,
            debian,
            floe,
            goal,
        } in &self.rows
        {
            let show = |figure: &Option<f64>| match figure {
                Some(figure) => format!("{} {unit}", digits(*figure)),
                None => "–".to_owned(),
            };
            let ratio = match (debian, floe) {
                (Some(debian), Some(floe)) if *debian > 0.0 => format!("{:.2}", floe / debian),
                _ => "–".to_owned(),
            };
            println!(
                "| {what} | {} | {} | {ratio} | {goal} |",
                show(debian),
                show(floe)
            );
        }
        for note in &self.notes {
            println!("\n{note}");
        }
    }
}

/// A table of several ways side by side.
pub(crate) struct Columns {
    heads: Vec<&'static str>,
    rows: Vec<String>,
    notes: Vec<String>,
}

impl Columns {
    pub(crate) fn new(heads: impl Iterator<Item = &'static str>) -> Self {
        Self {
            heads: heads.collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A figure for each column, in their order.
    pub(crate) fn row(
        &mut self,
        what: &str,
        unit: &str,
        figures: &[Option<f64>],
        goal: &'static str,
    ) {
        let shown = figures.iter().map(|figure| match figure {
            Some(figure) => digits(*figure),
            None => "–".to_owned(),
        });
        let shown: Vec<String> = shown.collect();
        self.rows.push(format!(
            "| {what}, {unit} | {} | {goal} |",
            shown.join(" | ")
        ));
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn print(&self) {
        println!("| figure | {} | goal |", self.heads.join(" | "));
        println!("|---|{}---|", "---|".repeat(self.heads.len()));
        for row in &self.rows {
            println!("{row}");
        }
        for note in &self.notes {
            println!("\n{note}");
        }
    }
}

/// Three significant digits.
fn digits(figure: f64) -> String {
    let places = match figure.abs() {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.places$}")
}

/// The middle of a sample.
pub(crate) fn median(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => sorted.get(middle).copied(),
        _ => Some((sorted.get(middle - 1)? + sorted.get(middle)?) / 2.0),
    }
}
