//! The Sienge simulator: an independent second implementation of the ERP's public API, for tests
//! and for the local stack. It shares no types with the client it proves.
//!
//! One [`world`] (companies, enterprises, units, customers, sales contracts, receivable bills with
//! installments and receipts; generated from a seed, all invented) is told through every endpoint,
//! so all sources agree to the cent:
//!
//! - `income.balanceAmount` = REST `balanceDue` = the open balance in original money, 0 when settled;
//!   `income.originalAmount` = statement and extract `originalValue`;
//!   `income.correctedBalanceAmount` = statement and extract `currentBalance`.
//! - receipts: type `operationTypeName` = `receiptType` = `type`; date `paymentDate` = `receiptDate` = `date`;
//!   `grossAmount` = `receiptValue` = `value`; `netAmount` = `netReceiptValue` = `netReceipt`.
//! - bills of a sales contract have document `CT`, origin `CO` and their enterprise as cost centre;
//!   bills entered by hand have other documents, origin `CR` and no cost centre.
//!
//! # Addresses
//!
//! `http://127.0.0.1:PORT/{any subdomain}/public/api/v1/…` and `…/bulk-data/v1/…`, Basic authentication
//! (`demo`/`demo` unless told otherwise). REST: `companies`, `cost-centers`, `enterprises`, `units`,
//! `customers`, `sales-contracts`, `accounts-receivable/receivable-bills` (+ `/{id}`, `/{id}/installments`),
//! `customer-financial-statements`, `current-debit-balance`, `remade-installments` (also `POST` and `DELETE`), `payment-slip-notification` (GET and POST), `payment-condition-types`,
//! `document-identifications/{id}`, `indexers`, `bearers-receivable`, `hooks`, and `PATCH …/installments/{id}/change-due-date`,
//! which makes the registered boleto void until `boleto` registers another. Bulk: `income`, `income/by-bills`,
//! `customer-extract-history`, `defaulters-receivable-bills`, each also asynchronous (`_async=true`, `async/{id}`,
//! `async/{id}/result/{chunk}`). Bulk answers are made while they are sent: memory does not grow with them.
//!
//! Shapes are those observed in production; `--shapes documented` gives the documented ones (no nulls,
//! `paymentTerm.description`, `billsReceivable` an object, `conditionType`, situations in words, dates with a
//! time on sales contracts, 404 for empty searches that document it). Rows of bulk answers come bill by bill; `--row-order due`
//! has them by due date, `--row-order shuffled:SEED` in any order.
//!
//! # Control (`/_control`, no authentication)
//!
//! Reading: `GET health` · `GET installments?open=true&companyId=&billId=&customerId=` and `GET bills` (NDJSON) ·
//! `GET deliveries?state=&event=` · `GET calls` (per route, and the most calls in any sliding minute per subdomain).
//! `GET emails` (what the API was asked to send: bill, installment, address, title, body). `DELETE deliveries`, `DELETE calls` and
//! `DELETE emails` forget what was counted.
//!
//! Operations: `POST /_control/{name}` with one body or a list of them. All take `"silent": true` (the change
//! happens, no webhook leaves) and `"date"` (business date of the change; today when absent). Wherever `billId`
//! stands, `salesContractId` does too; `installmentId` may be `installmentIds: [..]`. Money is text or number.
//! A field not known is refused with 400 and `{"error": "…"}`; nothing is changed then.
//! The answer says `changed` (lines as in `installments`), `removed`, `bills`, `customers` and `events`.
//!
//! | name | body | webhooks |
//! |---|---|---|
//! | `receive` | `billId, installmentId, value?` (whole balance when absent)`, type?` (`Recebimento`)`, total?` (settles though the value is smaller)`, interest?, fine?, discount?` | `RECEIPT_PROCESSED` for `Recebimento` and `Adiantamento` only |
//! | `reverse` | `billId, installmentId, sequence?` (the last when absent)`, mode?` (`remove` takes the receipt away, `receipt` adds a negative `Estorno`)`, type?` (begins with `Estorno`)`, notify?` | none; `RECEIVABLE_INSTALLMENT_UPDATED` with `notify` |
//! | `change` | `billId, installmentId, dueDate?, value?, conditionTypeId?, indexerId?, listed?` (SPC)` ; situation?` (`normal`, `inBilling`, `defaulting`, `subjudice`)`, note?` for the bill | `RECEIVABLE_INSTALLMENT_UPDATED`; `UPDATE_RECEIVABLE_BILL_SITUATION` |
//! | `add` | `billId, installments: [{dueDate, value, conditionTypeId?, indexerId?, received?` (what is received of it before anybody sees it)`, type?}]`, or `contract: {customerId?, enterpriseId?, installments?: 12, value?, firstDueDate?}`, or `bill: {customerId?, companyId?, documentId?, documentNumber?, installments: [..]}` | `RECEIVABLE_INSTALLMENT_CREATED` each; `SALES_CONTRACT_CREATED`, `_ISSUED`; `CUSTOMER_CREATED` when none was given |
//! | `remove` | `billId, installmentId`, or `billId, whole: true` | `RECEIVABLE_INSTALLMENT_REMOVED` each; `SALES_CONTRACT_REMOVED` |
//! | `cancel` | `billId, reason?`: open installments get `Distrato` receipts | `SALES_CONTRACT_CANCELED` (none for a bill entered by hand, closed by `Cancelamento`) |
//! | `assign` | `billId, customerId?` (a new customer when absent) | `ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED` (+ `CUSTOMER_CREATED`) |
//! | `retype` | `billId, documentId`: another document type | none |
//! | `remake` | `billId, installmentIds, count?` (3)`, value?, firstDueDate?, conditionTypeId?, indexerId?, baseDate?, ratePercent?` (Price a month)`, or conditions: [the same fields]`, `type?` (begins with `Reparcelamento`); or `billId, undo: true` (the last one, or that of `date`) | `RECEIVABLE_INSTALLMENT_UPDATED` for the remade, `_CREATED` for the generated (`_REMOVED` on undo) |
//! | `boleto` | `billId, installmentId, status?` (`CONFIRMED`, `REJECTED`, `REMOVED`) | `BOOK_COLLECTION_CONFIRMED`, `PAYMENT_SLIP_REGISTERED` |
//! | `customer` | `customerId?, name?, email?, phones?: [{number, type, main, note}], addresses?, active?` | `CUSTOMER_UPDATED` / `_CREATED` / `_ENABLED` / `_DISABLED` |
//! | `enterprise` | `companyId?, name?` | `COST_CENTER_CREATED` |
//! | `terms` | `billId, fine?, interest?, proRata?`: late charges in percent; none at all = a bill without late-charge settings | none |
//!
//! `POST event {"event": "RECEIPT_PROCESSED", "body": {…}}` fires any event, true or not.
//!
//! `PUT faults` with a list (replaces; `DELETE` clears): `{"kind": …, "route": "v1/customers", "method"?, "count"?,
//! "skip"?, "probability"?, …}`. Kinds: `status` (`status`, `body`), `hang` (`seconds`), `slow` (`seconds`), `hold` (until the faults are changed or
//! cleared; `GET held` says how many calls wait), `drip`
//! (`seconds` between pieces), `truncated`, `close`, `api-error` (`afterBytes`), `missing` (`share` 0-1, `ids` such as
//! `"10001/3"` or `"10001"`), `odd` (`rows`: fields to replace by row, `{"10001/3": {"paymentTerm": null, "receipts.netAmount": "x"}}`, the name `""` for the row
//! itself; `twice`: the row comes as it is, too, `true-first` or `odd-first`), `empty` (200 without rows), `blank` (200 without body). `api-error` on a question asked
//! with `_async=true` makes it end as `Failed`.
//!
//! `PUT webhooks {"loss", "duplicates", "reorder"` (0-1)`, "reorderMilliseconds", "delayMilliseconds",
//! "earlyMilliseconds"` (the event is out before the world shows the change)`, "withoutId", "unknownEvents"` (0-1: no `x-sienge-id`, and a name
//! that no document knows)`}`.
//!
//! `PUT quota {"enabled", "rest": 200, "bulk": 20, "windowMilliseconds": 60000, "dailyRest", "dailyBulk",
//! "retryAfter", "asyncPollsCount"}`; fields left out take their defaults.
//!
//! `PUT today {"today": "2026-11-30"}` pins the date, `{"days": 1}` moves it on, `{"today": null}` follows the system.
//!
//! # Webhooks
//!
//! Registered through `v1/hooks`; one POST per event and hook with the ERP's headers and `Authorization: Bearer`,
//! 2.5 s to answer 2xx, further attempts after 10, 30, 60, 180 and 300 minutes divided by `--time-scale`, always
//! with the same `x-sienge-id`. Deliveries run in the background and never hold a control call up.
//!
//! # Restart
//!
//! With `--state FILE` the seed and every operation, hook and finished delivery are appended to the file before the
//! call is answered; on start they are done again, and deliveries that had not ended go out again. Faults, knobs and
//! quotas start afresh. The file's seed and size win over the command line's.
//!
//! # In a test
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use sienge_simulator::{Options, start};
//! let simulator = start(Options { installments: 50, ..Options::default() }).await?;
//! let base = simulator.api("minhaempresa"); // …/minhaempresa/public/api
//! simulator.operate("receive", &serde_json::json!({"billId": 10001, "installmentId": 1}))?;
//! let open = simulator.with_world(|world| world.installment_count());
//! # Ok(()) }
//! ```
#![recursion_limit = "256"]

pub mod api;
pub mod money;
mod options;
pub mod shell;
pub mod world;

pub use api::bulk::Order;
pub use options::{Options, USAGE};
pub use shell::{Running, start};
