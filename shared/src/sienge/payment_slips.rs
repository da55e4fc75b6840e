//! Second copies of boletos (segunda via).

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{Personal, personal};
use super::pages;
use crate::ids::{BillId, InstallmentId};

/// A second copy. The link is a secret while it is valid: whoever has it sees the debtor's data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PaymentSlip {
    /// Address of the boleto as a PDF, valid for five minutes.
    #[serde(deserialize_with = "personal")]
    pub url_report: Option<Personal>,
    /// The digitable line, as Sienge writes it.
    #[serde(deserialize_with = "personal")]
    pub digitable_number: Option<Personal>,
}

/// Sienge's answer to a request for a boleto, or to send one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlipAnswer<T> {
    /// Done.
    Done(T),
    /// 422, or an empty list: the installment has no registered charge, so there is no boleto to copy.
    NoCharge,
    /// 404: Sienge does not have the bill or the installment.
    NotFound,
}

/// An e-mail with the boleto, for Sienge to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlipEmail {
    /// The address.
    pub to: Personal,
    /// Subject.
    pub title: String,
    /// Text.
    pub body: String,
}

/// The GET calls the bill `billReceivableId`, the POST `receivableBillId`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SlipRequest<'a> {
    receivable_bill_id: BillId,
    installment_id: InstallmentId,
    email_customer: &'a str,
    email_title: &'a str,
    email_body: &'a str,
}

const RESOURCE: &str = "payment-slip-notification";
/// Sienge's answer for an installment without a registered charge.
const NO_CHARGE: u16 = 422;

impl Client {
    /// The second copy of an installment's boleto: a link and the digitable line.
    pub async fn payment_slip(
        &self,
        bill: BillId,
        installment: InstallmentId,
    ) -> Result<SlipAnswer<PaymentSlip>, SiengeError> {
        let call = SiengeCall::rest("ConsultarBoletoSegundaVia", RESOURCE, RESOURCE)
            .with("billReceivableId", bill)
            .with("installmentId", installment)
            .about(bill);
        let rows = self
            .fetch(&call, |json| pages::all::<PaymentSlip>(RESOURCE, json))
            .await;
        let has_content = |slip: &PaymentSlip| *slip != PaymentSlip::default();
        let slip = rows.map(|rows| {
            rows.iter()
                .find(|slip| has_content(slip))
                .or(rows.first())
                .cloned()
        });
        Ok(match answer(slip)? {
            SlipAnswer::Done(Some(slip)) => SlipAnswer::Done(slip),
            SlipAnswer::Done(None) | SlipAnswer::NoCharge => SlipAnswer::NoCharge,
            SlipAnswer::NotFound => SlipAnswer::NotFound,
        })
    }

    /// Has Sienge send the boleto by e-mail. Not repeated after an unclear answer (a time-out, a 5xx): it may have been sent.
    pub async fn send_payment_slip(
        &self,
        bill: BillId,
        installment: InstallmentId,
        email: &SlipEmail,
    ) -> Result<SlipAnswer<()>, SiengeError> {
        let body = SlipRequest {
            receivable_bill_id: bill,
            installment_id: installment,
            email_customer: email.to.as_str(),
            email_title: &email.title,
            email_body: &email.body,
        };
        let mut call = SiengeCall::rest("EnviarBoletoSegundaVia", RESOURCE, RESOURCE).about(bill);
        call.verb = Method::POST;
        call.body = Some(
            serde_json::to_vec(&body).map_err(|_| SiengeError::Configuration("dados do e-mail"))?,
        );
        answer(self.fetch(&call, |_| Ok(())).await)
    }
}

fn answer<T>(outcome: Result<T, SiengeError>) -> Result<SlipAnswer<T>, SiengeError> {
    match outcome {
        Ok(done) => Ok(SlipAnswer::Done(done)),
        Err(SiengeError::BadRequest {
            status: NO_CHARGE, ..
        }) => Ok(SlipAnswer::NoCharge),
        Err(SiengeError::NotFound { .. }) => Ok(SlipAnswer::NotFound),
        Err(error) => Err(error),
    }
}
