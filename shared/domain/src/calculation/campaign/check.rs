//! What is refused when a campaign is saved: all faults are reported at once, each under its tier's name.

use std::collections::BTreeSet;

use super::{Campaign, Filter, MAX_PLAN, PlanTier, Portion, TIER_DAYS, Tier};
use crate::calculation::Error;
use crate::calendar::brazilian;

/// Most tiers of each kind in one campaign.
pub const MAX_TIERS: usize = 200;

impl Campaign {
    /// Checks that a campaign can be used: names, dates, ranges, and that no installment falls into two tiers of equal rank.
    pub fn check(&self) -> Result<(), Error> {
        let mut faults = Vec::new();
        if self.id.trim().is_empty() || self.id.len() > 60 {
            faults.push("id: informe de 1 a 60 caracteres, por exemplo \"padrao\"".to_owned());
        }
        if self.name.trim().is_empty() || self.name.chars().count() > 120 {
            faults.push("nome: informe de 1 a 120 caracteres".to_owned());
        }
        if let Some(until) = self.valid_until
            && until < self.valid_from
        {
            faults.push(format!(
                "vigência final {} anterior à inicial {}: informe uma data a partir desta",
                brazilian(until),
                brazilian(self.valid_from)
            ));
        }
        if self.tiers.is_empty() {
            faults.push(
                "faixas à vista: informe ao menos uma, por exemplo de -9999 a 9999 dias".to_owned(),
            );
        }
        if self.tiers.len() > MAX_TIERS || self.plan_tiers.len() > MAX_TIERS {
            faults.push(format!(
                "faixas: informe no máximo {MAX_TIERS} de cada tipo"
            ));
        } else {
            self.check_tiers(&mut faults);
            self.check_plan_tiers(&mut faults);
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::Campaign {
            campaign: self.name.clone(),
            faults,
        })
    }

    fn check_tiers(&self, faults: &mut Vec<String>) {
        for (index, tier) in self.tiers.iter().enumerate() {
            check_days(&tier.name(index), tier.from_days, tier.to_days, faults);
            for (other_index, other) in self.tiers.iter().enumerate().skip(index + 1) {
                let days = intersects(tier.from_days, tier.to_days, other.from_days, other.to_days);
                if days && tier.filter.rivals(&other.filter) {
                    faults.push(overlap(&tier.name(index), &other.name(other_index)));
                }
            }
        }
    }

    fn check_plan_tiers(&self, faults: &mut Vec<String>) {
        for (index, tier) in self.plan_tiers.iter().enumerate() {
            let name = tier.name(index);
            check_days(&name, tier.from_days, tier.to_days, faults);
            if tier.from_installments < 2
                || tier.to_installments > MAX_PLAN
                || tier.from_installments > tier.to_installments
            {
                faults.push(format!(
                    "{name}: número de parcelas inválido; informe de 2 a {MAX_PLAN}, em ordem crescente"
                ));
            }
            if let Portion::Amount(minimum) = tier.down_payment.minimum
                && minimum.is_negative()
            {
                faults.push(format!(
                    "{name}: entrada mínima negativa; informe zero ou mais"
                ));
            }
            if !tier.down_payment.allowed && tier.down_payment.minimum != Portion::default() {
                faults.push(format!(
                    "{name}: entrada mínima sem permitir entrada; permita a entrada ou zere o mínimo"
                ));
            }
            for (other_index, other) in self.plan_tiers.iter().enumerate().skip(index + 1) {
                let days = intersects(tier.from_days, tier.to_days, other.from_days, other.to_days);
                let numbers = tier.from_installments <= other.to_installments
                    && other.from_installments <= tier.to_installments;
                if days && numbers && tier.filter.rivals(&other.filter) {
                    faults.push(overlap(&name, &other.name(other_index)));
                }
            }
        }
    }
}

fn check_days(name: &str, from: i32, to: i32, faults: &mut Vec<String>) {
    if from > to || from < -TIER_DAYS || to > TIER_DAYS {
        faults.push(format!(
            "{name}: dias de atraso inválidos; informe de -{TIER_DAYS} a {TIER_DAYS}, em ordem crescente"
        ));
    }
}

fn overlap(one: &str, other: &str) -> String {
    format!(
        "{one} e {other} se sobrepõem: ajuste os dias de atraso, o número de parcelas ou os filtros para que nenhuma parcela caia nas duas"
    )
}

const fn intersects(from: i32, to: i32, other_from: i32, other_to: i32) -> bool {
    from <= other_to && other_from <= to
}

impl Filter {
    /// Whether one installment can match both while neither is the more specific.
    fn rivals(&self, other: &Self) -> bool {
        fn meet<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> bool {
            one.is_empty() || other.is_empty() || !one.is_disjoint(other)
        }
        self.specificity() == other.specificity()
            && meet(&self.enterprises, &other.enterprises)
            && meet(&self.document_types, &other.document_types)
            && meet(&self.conditions, &other.conditions)
    }
}

impl Tier {
    /// How messages call it: its place and its days.
    pub(in crate::calculation) fn name(&self, index: usize) -> String {
        format!(
            "faixa à vista {} ({} a {} dias)",
            index + 1,
            self.from_days,
            self.to_days
        )
    }
}

impl PlanTier {
    /// How messages call it: its place, its days and its numbers.
    pub(in crate::calculation) fn name(&self, index: usize) -> String {
        format!(
            "faixa parcelada {} ({} a {} dias, {} a {} parcelas)",
            index + 1,
            self.from_days,
            self.to_days,
            self.from_installments,
            self.to_installments
        )
    }
}
