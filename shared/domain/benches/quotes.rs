//! How fast the calculation core is: `cargo bench -p ponte --bench quotes`.
//!
//! Times a quote of 120 installments with and without its explanation, then a million installments on one core: the charges' formula alone and whole
//! quotes, beside `tests/oracles/charges.py` (the same formula in Python decimals, the same installments) in the same run. The sums must be equal.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use jiff::civil::{Date, date};
use ponte_domain::calculation::{
    CalculationSettings, Campaign, DaysPolicy, Debt, Discounts, Key, LateTerms, Payment, Request,
    RoundingRules, SiengeTerms, Silent, quote, quote_with, sienge_charges,
};
use ponte_domain::ids::{BillId, InstallmentId};
use ponte_domain::money::{Cents, Decimal, Rate, Rounding};

/// Installments of one quote: a ten-year contract.
const OF_A_QUOTE: usize = 120;
const MILLION: usize = 1_000_000;
const ON: Date = date(2021, 11, 19);
/// Runs of which the fastest counts, for ours and for Python's alike.
const RUNS: usize = 3;

fn rate(percent: &str) -> Rate {
    Rate::try_from(percent.to_owned()).expect("a rate of the benchmark")
}

/// The installments `charges.py` makes: value and due date.
fn installments(count: usize) -> Vec<(Decimal, Date)> {
    let mut state = 295_u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let cents = 10_000 + (state >> 33) % 1_000_000;
        let days = 1 + (state >> 20) % 1_500;
        let back = jiff::Span::new().days(i64::try_from(days).unwrap_or_default());
        (
            Decimal::new(i64::try_from(cents).unwrap_or_default(), 2),
            ON.saturating_sub(back),
        )
    };
    (0..count).map(next).collect()
}

fn debts(rows: &[(Decimal, Date)], terms: LateTerms) -> Vec<Debt> {
    let debt = |(index, (value, due_on)): (usize, &(Decimal, Date))| Debt {
        bill: BillId(295),
        installment: InstallmentId(i64::try_from(index).unwrap_or_default()),
        due_on: *due_on,
        original: Cents::parse("valor", *value).expect("an amount of the benchmark"),
        enterprise: None,
        document_type: None,
        condition: String::new(),
        correction: ponte_domain::calculation::Correction::None,
        sienge: None,
        partly_paid: false,
        late_terms: Some(terms),
    };
    rows.iter().enumerate().map(debt).collect()
}

struct Setting {
    campaign: Campaign,
    settings: CalculationSettings,
    terms: LateTerms,
}

fn setting() -> Setting {
    let campaign = r#"{"id":"padrao","name":"Padrão","creditor":999,"validFrom":"2021-01-01","active":true,
        "tiers":[{"fromDays":-9999,"toDays":9999,"charges":{"fine":"2","interest":"1","fee":"10"}}]}"#;
    Setting {
        campaign: serde_json::from_str(campaign).expect("the benchmark's campaign"),
        settings: CalculationSettings {
            fees: Some(true),
            rounding: RoundingRules::COBMAIS,
            ..CalculationSettings::default()
        },
        terms: LateTerms {
            fine: rate("2"),
            interest: rate("1"),
            pro_rata: Some(rate("0.54")),
        },
    }
}

fn request<'a>(debts: &'a [Debt], setting: &'a Setting) -> Request<'a> {
    Request {
        debts,
        campaign: &setting.campaign,
        settings: &setting.settings,
        annual_correction: false,
        business_date: ON,
        on: ON,
        payment: Payment::Cash,
        discounts: Discounts::default(),
    }
}

fn a_quote(criterion: &mut Criterion) {
    let setting = setting();
    let debts = debts(&installments(OF_A_QUOTE), setting.terms);
    let request = request(&debts, &setting);
    criterion.bench_function("quote of 120 installments with explanation", |b| {
        b.iter(|| quote(black_box(&request)));
    });
    criterion.bench_function("quote of 120 installments without explanation", |b| {
        b.iter(|| quote_with(black_box(&request), &mut Silent));
    });
}

/// The formula over values and due dates, from decimals to the sum: what `charges.py` does.
fn formula(
    rows: &[(Decimal, Date)],
    terms: &SiengeTerms,
    fee: Rate,
    settings: &CalculationSettings,
) -> Cents {
    let mut total = Cents::ZERO;
    for (index, (value, due_on)) in rows.iter().enumerate() {
        let key = Key {
            bill: BillId(295),
            installment: InstallmentId(i64::try_from(index).unwrap_or_default()),
        };
        let Ok(value) = Cents::parse("valor", *value) else {
            continue;
        };
        let days = settings
            .days_policy
            .days_late(*due_on, ON, &settings.holidays);
        let updated = value + sienge_charges(key, value, days, terms, &mut Silent).total();
        total += updated + fee.of(updated, Rounding::HalfUp);
    }
    total
}

/// Processor time of this thread, so that a busy machine costs neither side; none where the system does not tell.
fn processor_time() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(
        told.split_whitespace().next()?.parse().ok()?,
    ))
}

fn fastest<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut best: Option<(Duration, T)> = None;
    for _ in 0..RUNS {
        let (start, at) = (Instant::now(), processor_time());
        let result = black_box(run());
        let used = processor_time()
            .zip(at)
            .and_then(|(now, at)| now.checked_sub(at));
        let took = used
            .filter(|used| !used.is_zero())
            .unwrap_or_else(|| start.elapsed());
        if best.as_ref().is_none_or(|(fastest, _)| took < *fastest) {
            best = Some((took, result));
        }
    }
    best.expect("at least one run")
}

/// Installments a second, told and returned.
#[allow(clippy::cast_precision_loss)] // a speed
fn told(what: &str, count: usize, took: Duration) -> f64 {
    let speed = count as f64 / took.as_secs_f64();
    println!("{what:<58} {speed:>13.0} installments/s");
    speed
}

fn python() -> Option<(Duration, String)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/oracles/charges.py");
    let runs = (0..RUNS).map(|_| {
        let output = Command::new("python3")
            .args([script, &MILLION.to_string()])
            .output()
            .ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let seconds = Duration::try_from_secs_f64(answer["seconds"].as_f64()?).ok()?;
        Some((seconds, answer["total"].as_str()?.to_owned()))
    });
    runs.collect::<Option<Vec<_>>>()?.into_iter().min()
}

fn a_million() {
    let setting = setting();
    let rows = installments(MILLION);
    let terms = SiengeTerms {
        pro_rata: rate("0.54"),
        interest: rate("1"),
        fine: rate("2"),
    };
    let raw = CalculationSettings {
        days_policy: DaysPolicy::Raw,
        ..setting.settings.clone()
    };
    println!("\n{MILLION} installments on one core, processor time, the fastest of {RUNS} runs");
    let (took, sum) = fastest(|| formula(&rows, &terms, rate("10"), &raw));
    let ours = told("charges and fee, days as they are", MILLION, took);
    let (took, _) = fastest(|| formula(&rows, &terms, rate("10"), &setting.settings));
    told(
        "charges and fee, days from the next business day",
        MILLION,
        took,
    );
    let debts = debts(&rows, setting.terms);
    let (took, _) = fastest(|| {
        let quotes = debts
            .chunks(OF_A_QUOTE)
            .map(|debts| quote_with(&request(debts, &setting), &mut Silent));
        quotes
            .filter_map(Result::ok)
            .map(|amounts| amounts.totals.total.get())
            .sum::<i64>()
    });
    let quotes = told("whole quotes of 120, without explanation", MILLION, took);
    let (took, _) = fastest(|| {
        let quotes = debts
            .chunks(OF_A_QUOTE)
            .map(|debts| quote(&request(debts, &setting)));
        quotes
            .filter_map(Result::ok)
            .map(|quote| quote.explanation.len())
            .sum::<usize>()
    });
    told("whole quotes of 120, with explanation", MILLION, took);
    let Some((took, total)) = python() else {
        println!("python3 did not answer: no ratio");
        return;
    };
    assert_eq!(
        total,
        sum.to_string(),
        "Python and Rust must charge the same"
    );
    let theirs = told("tests/oracles/charges.py (Python decimal)", MILLION, took);
    println!(
        "charges: {:.0} times Python; whole quotes: {:.0} times; equal sums: {total}",
        ours / theirs,
        quotes / theirs
    );
}

criterion_group!(benches, a_quote);

fn main() {
    benches();
    // `cargo test --benches` only asks whether it runs.
    if std::env::args().any(|argument| argument == "--bench") {
        a_million();
    }
    Criterion::default().configure_from_args().final_summary();
}
