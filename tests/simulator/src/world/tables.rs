//! The small tables of the ERP: condition types, documents, indexers, receipt types, carriers.

/// A payment-condition type.
#[derive(Debug)]
pub struct ConditionType {
    /// The code, such as `PM`.
    pub id: &'static str,
    /// Its name.
    pub description: &'static str,
    /// What it finances.
    pub finality: &'static str,
    /// Months between installments.
    pub interval: u32,
}

const fn condition(
    id: &'static str,
    description: &'static str,
    finality: &'static str,
    interval: u32,
) -> ConditionType {
    ConditionType {
        id,
        description,
        finality,
        interval,
    }
}

/// Every payment-condition type of the simulated company.
pub const CONDITIONS: &[ConditionType] = &[
    condition("AT", "Ato", "Recursos Próprios", 1),
    condition("CH", "Chaves", "Recursos Próprios", 1),
    condition("FI", "Financiamento", "Financiamento", 1),
    condition("PA", "Parcela Anual", "Recursos Próprios", 12),
    condition("PE", "Permuta", "Recursos Próprios", 1),
    condition("PI", "Parcelas Intermediárias", "Recursos Próprios", 6),
    condition("PM", "Parcelas Mensais", "Recursos Próprios", 1),
    condition("RE", "Resíduo", "Recursos Próprios", 1),
    condition("TU", "Taxa de Uso", "Recursos Próprios", 1),
];

/// The table's own text for a condition code, when it exists.
pub fn condition_type(id: &str) -> Option<&'static ConditionType> {
    CONDITIONS.iter().find(|condition| condition.id == id)
}

/// Document identifications: code and name.
pub const DOCUMENTS: &[(&str, &str)] = &[
    ("AV", "Aviso de Lançamento"),
    ("CT", "Contrato"),
    ("NF", "Nota Fiscal"),
    ("REC", "Recibo"),
];

/// The name of a document identification.
pub fn document_name(id: &str) -> Option<&'static str> {
    DOCUMENTS
        .iter()
        .find(|(code, _)| *code == id)
        .map(|(_, name)| *name)
}

/// An indexer: code, name, months of retroactivity, last index number in hundredths and
/// monthly rate in ten-thousandths (what the simulated correction uses).
pub const INDEXERS: &[(u32, &str, u32, i64, i64)] = &[
    (1, "REAL", 0, 100, 0),
    (2, "INCC-DI", 2, 118_342, 45),
    (3, "IGP-M", 2, 117_908, 38),
    (4, "IPCA", 1, 738_215, 35),
];

/// The name of an indexer.
pub fn indexer_name(id: u32) -> Option<&'static str> {
    INDEXERS.iter().find(|row| row.0 == id).map(|row| row.1)
}

/// The monthly rate of an indexer in ten-thousandths; none for an unknown one.
pub fn indexer_rate(id: u32) -> i64 {
    INDEXERS
        .iter()
        .find(|row| row.0 == id)
        .map_or(0, |row| row.4)
}

/// Receipt types (tipos de baixa): the twelve settlement types and the two the ERP writes itself.
pub const RECEIPT_TYPES: &[(u32, &str)] = &[
    (1, "Abatimento de Adiantamento"),
    (2, "Recebimento"),
    (3, "Adiantamento"),
    (4, "Bonificação"),
    (5, "Cancelamento"),
    (6, "Estorno"),
    (7, "Outros"),
    (8, "Outros com Resíduo"),
    (9, "Por Bens"),
    (10, "Promoção"),
    (11, "Sorteio"),
    (12, "Substituição"),
    (13, "Reparcelamento"),
    (14, "Distrato"),
];

/// A receipt in cash, by far the commonest.
pub const RECEIVED: &str = "Recebimento";
/// An advance.
pub const ADVANCE: &str = "Adiantamento";
/// The negative receipt that undoes another.
pub const REVERSED: &str = "Estorno";
/// The receipt that closes an installment of a bill cancelled outside a sales contract.
pub const CANCELLED: &str = "Cancelamento";
/// The receipt that closes a remade installment.
pub const REMADE: &str = "Reparcelamento";
/// The receipt that closes an open installment of a rescinded contract.
pub const RESCINDED: &str = "Distrato";

/// The number of a receipt type; an unknown type gets 99.
pub fn operation_type(name: &str) -> u32 {
    RECEIPT_TYPES
        .iter()
        .find(|row| row.1 == name)
        .map_or(99, |row| row.0)
}

/// Carriers (portadores): code and name.
pub const CARRIERS: &[(u32, &str)] = &[
    (1, "Carteira"),
    (341, "Banco Modelo"),
    (748, "Cooperativa Modelo"),
];
