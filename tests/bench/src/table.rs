//! The one table, and the text that explains it.

use std::fmt::Write as _;

/// A measured thing.
#[derive(Debug, Clone)]
pub struct Row {
    measure: String,
    value: String,
    target: String,
    met: Option<bool>,
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<(String, String)>,
}

impl Table {
    /// A row with a target.
    pub fn row(&mut self, measure: &str, value: impl Into<String>, target: &str, met: bool) {
        self.push(measure, value.into(), target, Some(met));
    }

    /// A row that is only reported.
    pub fn report(&mut self, measure: &str, value: impl Into<String>) {
        self.push(measure, value.into(), "reported", None);
    }

    fn push(&mut self, measure: &str, value: String, target: &str, met: Option<bool>) {
        let row = Row {
            measure: measure.to_owned(),
            value,
            target: target.to_owned(),
            met,
        };
        // Hours may lie between the first and the last: each is seen when it is there.
        eprintln!("{}", line(&row));
        self.rows.push(row);
    }

    /// Text under a heading, below the table.
    pub fn note(&mut self, heading: &str, text: impl Into<String>) {
        self.notes.push((heading.to_owned(), text.into()));
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = "| measure | value | target | met? |\n|---|---|---|---|\n".to_owned();
        for row in &self.rows {
            text += &line(row);
            text.push('\n');
        }
        text
    }

    /// The table and the notes in Markdown.
    pub fn page(&self) -> String {
        let mut text = self.markdown();
        for (heading, note) in &self.notes {
            let _ = write!(text, "\n### {heading}\n\n{note}\n");
        }
        text
    }
}

fn line(row: &Row) -> String {
    let met = row.met.map_or("", |met| if met { "yes" } else { "**no**" });
    format!(
        "| {} | {} | {} | {met} |",
        row.measure, row.value, row.target
    )
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which a share of all lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
