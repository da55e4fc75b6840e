//! How evenly the keys spread, past one account's ordinary size: 1,000 tenants, 100 million open installments, with sizes as
//! uneven as they are in trade. Uses the real key builders of `ponte::store::keys`, nothing else.

use std::collections::HashMap;

use ponte::ids::{BillId, CreditorId, TenantId};
use ponte::store::keys;

use crate::table::{Table, grouped};

const TENANTS: u32 = 1_000;
const INSTALLMENTS: f64 = 1e8;
const OPEN_OF_A_BILL: u64 = 60;
/// Physical partitions that the keys are spread over.
const PARTITIONS: u64 = 256;
/// A shard may hold so much more than its even share.
const EVEN_WITHIN: f64 = 1.2;

#[derive(Default)]
struct Spread(HashMap<String, u64>);

impl Spread {
    fn add(&mut self, key: String, weight: u64) {
        *self.0.entry(key).or_default() += weight;
    }

    /// The fullest key, and how much fuller than the mean it is.
    #[expect(clippy::cast_precision_loss, reason = "millions")]
    fn fullest(&self) -> (&str, u64, f64) {
        let total: u64 = self.0.values().sum();
        let (key, most) = self
            .0
            .iter()
            .max_by_key(|(_, weight)| **weight)
            .expect("keys were added");
        (
            key,
            *most,
            *most as f64 * self.0.len() as f64 / total as f64,
        )
    }

    /// The same keys on physical partitions: how much fuller than the mean the fullest is.
    #[expect(clippy::cast_precision_loss, reason = "millions")]
    fn on_partitions(&self) -> f64 {
        let mut partitions = vec![0_u64; usize::try_from(PARTITIONS).unwrap_or(1)];
        for (key, weight) in &self.0 {
            let partition = usize::try_from(fnv(key) % PARTITIONS).unwrap_or(0);
            partitions[partition] += weight;
        }
        let (total, most) = (
            partitions.iter().sum::<u64>(),
            partitions.iter().max().copied().unwrap_or(0),
        );
        most as f64 * PARTITIONS as f64 / total as f64
    }
}

/// Stands for DynamoDB's own hash of a partition key.
fn fnv(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Its high bits are the better mixed ones.
    hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17
}

/// Simulates and adds the rows.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a simulation"
)]
pub fn measure(table: &mut Table) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(7);
    let harmonic: f64 = (1..=TENANTS).map(|rank| 1.0 / f64::from(rank)).sum();
    let (mut bills, mut open) = (Spread::default(), Spread::default());
    let mut shards: HashMap<String, Spread> = HashMap::new();
    for rank in 1..=TENANTS {
        let tenant = TenantId::parse(&rank.to_string())?;
        let bills_of_tenant = (INSTALLMENTS / harmonic / f64::from(rank)) as u64 / OPEN_OF_A_BILL;
        // Ids count up in each ERP, from wherever it stands; some builders skip most of them.
        let (from, step) = (rng.i64(1..500_000), rng.i64(1..=4));
        let creditors = rng.i64(1..=5);
        for number in 0..bills_of_tenant.cast_signed() {
            let bill = BillId(from + number * step);
            let creditor = CreditorId(1 + number % creditors);
            bills.add(keys::bill_partition(&tenant, bill), OPEN_OF_A_BILL);
            let shard = keys::open_shard_of(&tenant, creditor, bill);
            if bills_of_tenant > 5_000 {
                shards
                    .entry(format!("{tenant}/{creditor}"))
                    .or_default()
                    .add(shard.clone(), 1);
            }
            open.add(shard, OPEN_OF_A_BILL);
        }
    }
    let total: u64 = open.0.values().sum();
    let (_, largest_bill, _) = bills.fullest();
    let (fullest_key, most, _) = open.fullest();
    let worst_shard = shards
        .values()
        .map(|spread| spread.fullest().2)
        .fold(0.0, f64::max);
    let installments = grouped(total);
    table.report(
        &format!(
            "keys: {} tenants, {installments} open installments, {} bills",
            grouped(u64::from(TENANTS)),
            grouped(bills.0.len() as u64)
        ),
        format!(
            "most items under one bill's key: {largest_bill}; fullest of {PARTITIONS} physical partitions {:.2}x the mean",
            bills.on_partitions()
        ),
    );
    table.row(
        "keys: fullest of a creditor's 8 open-installment shards against the mean (every creditor of a tenant above 300,000)",
        format!(
            "{worst_shard:.2}x; the fullest key of all holds {} entries ({:.2}% of all)",
            grouped(most),
            most as f64 / total as f64 * 100.0
        ),
        "at most 1.2x",
        worst_shard <= EVEN_WITHIN,
    );
    table.note(
        "Fullest open-installments key",
        format!("`{fullest_key}`, {} entries.", grouped(most)),
    );
    if worst_shard > 2.0 * EVEN_WITHIN {
        return Err("a key builder does not spread its keys".to_owned());
    }
    Ok(())
}
