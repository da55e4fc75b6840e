//! Documents and addresses as people write them: small, pure, no dependency on the rest.

mod boleto;
mod boleto_sms;
mod email;
mod link;

pub use boleto::{Boleto, InvalidBoleto};
pub use boleto_sms::{BoletoSms, SMS_CHARACTERS};
pub use email::{EXAMPLE_ADDRESS, is_email_address};
pub use link::has_link;
