//! The fields of Sienge whose contents are known: what may be shown of each.

/// What may be shown of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Its name and short texts, or a number of a few digits.
    Text,
    /// Its name and numbers.
    Number,
    /// Its name and an id.
    Id,
    /// Its name and a list of small numbers.
    Numbers,
    /// Its name and a date.
    Date,
    /// Its name only.
    Name,
    /// Nothing, not even its name: it may be a text of a person.
    Nothing,
}

/// Fields of texts that say nothing about a person.
const TEXTS: [&str; 42] = [
    "api-error-code",
    "commercialStock",
    "conditionType",
    "conditionTypeName",
    "containsRemadeInstallments",
    "correctionType",
    "defaulterSituation",
    "descrition",
    "differenceType",
    "discountType",
    "documentCode",
    "documentForecast",
    "documentNumber",
    "event",
    "events",
    "everMonthly",
    "finalityType",
    "financialCategoryName",
    "identifier",
    "indexerCode",
    "indexerName",
    "installmentNumber",
    "installmentSentToSPCSerasa",
    "installmentSituation",
    "interestType",
    "intervalType",
    "lateInterestCalculationType",
    "matchMaturities",
    "operationTypeName",
    "periodicityType",
    "personType",
    "propertyType",
    "receiptType",
    "reconcile",
    "remadeType",
    "selectionType",
    "situation",
    "situations",
    "status",
    "subJudicie",
    "type",
    "webhookEvent",
];

/// Fields of amounts, rates and counts.
const NUMBERS: [&str; 76] = [
    "additionAmount",
    "additionalValue",
    "adjustedValue",
    "amount",
    "amountPaid",
    "balance",
    "balanceAmount",
    "balanceDue",
    "chunk",
    "condominiumValue",
    "correctedAmount",
    "correctedBalanceAmount",
    "correctedValueWithAdditions",
    "correctedValueWithoutAdditions",
    "count",
    "currentBalance",
    "currentBalanceWithAddition",
    "dailyLateInterestValue",
    "days",
    "daysOfDelay",
    "defaulterInstallments",
    "discount",
    "discountAmount",
    "discountPercentage",
    "dueInstallments",
    "embeddedInterestAmount",
    "financialCategoryRate",
    "fineAmount",
    "finePercent",
    "fineRate",
    "generatedValue",
    "grossAmount",
    "indexedQuantity",
    "installmentsNumber",
    "insuranceAmount",
    "interestAmount",
    "interestPercent",
    "interestPercentage",
    "interestRate",
    "lastValue",
    "limit",
    "monetaryCorrectionAmount",
    "monthsGracePeriod",
    "netAmount",
    "netReceipt",
    "netReceiptValue",
    "offset",
    "openInstallmentsNumber",
    "orderNumber",
    "originalAmount",
    "originalValue",
    "outstandingBalance",
    "paidInstallments",
    "participationPercentage",
    "payableInstallments",
    "percentage",
    "privateArea",
    "proRata",
    "proRataIndexer",
    "quantity",
    "receiptValue",
    "receivableBillValue",
    "remadeValue",
    "sequencialNumber",
    "sequentialNumber",
    "size",
    "taxAmount",
    "total",
    "totalAdditions",
    "totalArea",
    "totalCancellationAmount",
    "totalSellingValue",
    "totalValue",
    "totalValueInterest",
    "usableArea",
    "value",
];

/// Fields whose contents may be personal, or that hold others.
const NAMES: [&str; 112] = [
    "addresses",
    "bankMovements",
    "birthDate",
    "birthPlace",
    "boletos",
    "broker",
    "brokers",
    "businessPhone",
    "cellphone",
    "cellphoneNumber",
    "city",
    "civilStatus",
    "client",
    "clientMessage",
    "clientName",
    "clientType",
    "cnpj",
    "commercialName",
    "company",
    "companyName",
    "complement",
    "contacts",
    "contractNumber",
    "costCenter",
    "costCenterName",
    "costCenterStatus",
    "cpf",
    "creditor",
    "customer",
    "customers",
    "data",
    "ddd",
    "defaulting",
    "description",
    "details",
    "developerMessage",
    "digitableNumber",
    "document",
    "email",
    "emailBody",
    "emailCustomer",
    "emailTitle",
    "enterprise",
    "enterpriseName",
    "enterpriseObservation",
    "errors",
    "familyIncome",
    "fantasyName",
    "fatherName",
    "field",
    "fileName",
    "financialCategories",
    "floor",
    "foreigner",
    "generatedBillet",
    "generatedTicket",
    "idd",
    "inBilling",
    "includeResidueInstallment",
    "incomeValue",
    "installments",
    "internationalId",
    "issueDateIdentityCard",
    "kinsName",
    "kinship",
    "links",
    "mail",
    "main",
    "mainUnit",
    "marriageDate",
    "message",
    "motherName",
    "name",
    "nationality",
    "neighborhood",
    "normal",
    "note",
    "number",
    "numberIdentityCard",
    "numberTitle",
    "observation",
    "paidOff",
    "paymentConditions",
    "paymentTerm",
    "phone",
    "phones",
    "profession",
    "receipts",
    "receiptsCategories",
    "remadeDescription",
    "resultSetMetadata",
    "results",
    "salesContractCustomers",
    "salesContractGuarantors",
    "salesContractUnits",
    "sentToSpcSerasa",
    "socialName",
    "spouse",
    "state",
    "streetName",
    "subJudice",
    "subjudice",
    "text",
    "token",
    "tradeName",
    "unit",
    "units",
    "unityName",
    "url",
    "urlReport",
    "userMessage",
    "zipCode",
];

/// Ends of the names of dates, and of those that are personal.
const DATES: [&str; 6] = ["Date", "DateStart", "DateEnd", "DateLimit", "At", "On"];
const PERSONAL_DATES: [&str; 3] = ["birth", "marriage", "identity"];
/// Longest name of a field.
const NAME_LIMIT: usize = 40;

/// What may be shown of a field.
pub(super) fn shown(name: &str) -> Shown {
    let is_in = |names: &[&str]| names.binary_search(&name).is_ok();
    if is_in(&TEXTS) {
        return Shown::Text;
    }
    if is_in(&NUMBERS) {
        return Shown::Number;
    }
    if is_in(&NAMES) {
        return Shown::Name;
    }
    // One word in camel case; a person's name has a space, or more than letters.
    if name.len() > NAME_LIMIT || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Shown::Nothing;
    }
    if name == "id" || name.ends_with("Id") || name.ends_with("Ids") {
        return Shown::Id;
    }
    if name.ends_with("InstallmentsDescription") {
        return Shown::Numbers;
    }
    if DATES.iter().any(|end| name.ends_with(end)) {
        let lower = name.to_ascii_lowercase();
        let is_personal = PERSONAL_DATES.iter().any(|word| lower.contains(word));
        return if is_personal {
            Shown::Name
        } else {
            Shown::Date
        };
    }
    Shown::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_share_no_field() {
        let lists: [&[&str]; 3] = [&TEXTS, &NUMBERS, &NAMES];
        for list in lists {
            assert!(list.is_sorted());
        }
        let mut all = lists.concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
