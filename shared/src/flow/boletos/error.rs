//! Why there is no boleto: the rule that was broken, and the values that broke it.

use crate::calendar::{Date, brazilian as day};
use crate::documents::{EXAMPLE_ADDRESS, InvalidBoleto};
use crate::flow::FlowError;
use crate::ids::{BillId, CreditorId, InstallmentId};
use crate::portfolio::{Critique, ReturnReason};
use crate::sienge::SiengeError;
use crate::store::StoreError;

/// Why there is no boleto. The texts are Portuguese, say what to do, and hold no personal data, no link and no line.
#[derive(Debug, thiserror::Error)]
pub enum BoletoError {
    /// This tenant does not hold the bill.
    #[error("O contrato {0} não está na carteira: confira o número do título no Sienge")]
    UnknownBill(BillId),
    /// The bill has no such installment.
    #[error(
        "O contrato {bill} não tem a parcela {installment}: confira o código da parcela no Sienge"
    )]
    UnknownInstallment {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
    },
    /// The installment is held, but Sienge no longer has it.
    #[error(
        "O Sienge não tem mais a parcela {installment} do contrato {bill}: ela sai da carteira no próximo batimento"
    )]
    GoneInSienge {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
    },
    /// The installment is not open.
    #[error(
        "A parcela {installment} do contrato {bill} não está em aberto ({} em {}): não há boleto a emitir",
        .reason.text(),
        day(*.on)
    )]
    NotOpen {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
        /// Why it left collection.
        reason: ReturnReason,
        /// When it left.
        on: Date,
    },
    /// The installment has no charge registered with the bank, so there is no boleto.
    #[error(
        "A parcela {installment} do contrato {bill} {}: gere o boleto no Sienge, aguarde o registro no banco e peça a segunda via de novo",
        unregistered(*.new_due_on)
    )]
    NoRegisteredCharge {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
        /// The requested due date, which the installment already has in Sienge.
        new_due_on: Option<Date>,
    },
    /// In Sienge the bill already belongs to another customer.
    #[error(
        "{} Até lá nenhum boleto é entregue ao cliente anterior.",
        Critique::AssignmentWaitsForReconciliation { bill: *.0 }.text()
    )]
    AssignmentWaits(BillId),
    /// The creditor allows no other due date.
    #[error(
        "O credor {creditor} não permite novo vencimento na segunda via (\"Bloquear novo vencimento ao gerar segunda via do boleto original\" = Sim): peça a segunda via com o vencimento do boleto, {}",
        day(*.due_on)
    )]
    NewDueDateBlocked {
        /// The creditor.
        creditor: CreditorId,
        /// The installment's due date.
        due_on: Date,
    },
    /// Sienge does not change the due date of an installment paid in part.
    #[error(
        "O Sienge recusou o vencimento {} para a parcela {installment} do contrato {bill}: ele não muda o vencimento de parcelas com baixas",
        day(*.due_on)
    )]
    DueDateRefused {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
        /// The requested due date.
        due_on: Date,
    },
    /// The requested due date is before today.
    #[error("o novo vencimento não pode ser anterior a hoje, {}", day(*.today))]
    DueDatePassed {
        /// The requested due date.
        due_on: Date,
        /// Today.
        today: Date,
    },
    /// The requested due date is not a business day of the creditor.
    #[error("{} não é dia útil; o próximo é {}", day(*.due_on), day(*.next))]
    NotABusinessDay {
        /// The requested due date.
        due_on: Date,
        /// The next possible one.
        next: Date,
    },
    /// The e-mail's recipient is not an address.
    #[error("informe um endereço de e-mail, e só um, por exemplo \"{EXAMPLE_ADDRESS}\"")]
    NotAnAddress,
    /// The recipient's address is not the customer's.
    #[error(
        "O endereço não é do cliente do contrato {0}: cadastre-o no cliente, no Sienge, e envie em instantes; para outro endereço a credencial precisa do direito boleto:send-anywhere"
    )]
    OthersAddress(BillId),
    /// The subject has a link in it.
    #[error("{}", without_links())]
    LinkInTitle,
    /// The text has a link in it.
    #[error("{}", without_links())]
    LinkInBody,
    /// The subject is not valid.
    #[error("{}", unfit(*.most))]
    TitleUnfit {
        /// How many characters it may have.
        most: usize,
    },
    /// The text is not valid.
    #[error("{}", unfit(*.most))]
    BodyUnfit {
        /// How many characters it may have.
        most: usize,
    },
    /// Sienge returned an invalid boleto; nothing of it is passed on.
    #[error(
        "O boleto que o Sienge respondeu para a parcela {installment} do contrato {bill} não é válido e não foi repassado: {}. Confira a parcela no Sienge e gere o boleto de novo",
        fault_of_line(.fault.as_ref())
    )]
    InvalidBoleto {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
        /// What is wrong with the digitable line; none when it is missing.
        fault: Option<InvalidBoleto>,
    },
    /// Sienge was asked to send the e-mail, and the answer is unclear.
    #[error(
        "O Sienge não confirmou o envio, e o e-mail pode ter sido enviado: confirme com o devedor antes de enviar de novo. {0}"
    )]
    EmailUnclear(SiengeError),
    /// Sienge was asked to change the due date, and the answer is unclear.
    #[error(
        "O Sienge não confirmou o novo vencimento, que pode ter sido gravado: repita o pedido, que confere no Sienge antes de pedir de novo. {0}"
    )]
    DueDateUnclear(SiengeError),
    /// The due date was changed, but the boleto could not be read.
    #[error("A parcela já vence em {} no Sienge, mas o boleto não pôde ser lido: repita o pedido. {error}", day(*.due_on))]
    ChangedAndUnread {
        /// The due date that the installment has in Sienge now.
        due_on: Date,
        /// Why it could not be read.
        error: SiengeError,
    },
    /// Sienge gave no usable answer; nothing was changed there.
    #[error("O Sienge não atendeu ao pedido do boleto. {0}")]
    Sienge(SiengeError),
    /// An error of our own.
    #[error(transparent)]
    Internal(FlowError),
}

fn unregistered(new_due_on: Option<Date>) -> String {
    match new_due_on {
        None => "não tem cobrança registrada no Sienge".to_owned(),
        Some(due_on) => format!(
            "já vence em {} no Sienge, mas o boleto com esse vencimento ainda não tem cobrança registrada",
            day(due_on)
        ),
    }
}

fn without_links() -> &'static str {
    "escreva sem links, endereços nem marcação, e com um espaço depois de cada ponto final"
}

fn unfit(most: usize) -> String {
    format!(
        "informe de 1 a {most} caracteres, sem caracteres de controle, ou deixe fora para usar o texto padrão"
    )
}

fn fault_of_line(fault: Option<&InvalidBoleto>) -> String {
    fault.map_or_else(
        || "a linha digitável não veio".to_owned(),
        ToString::to_string,
    )
}

impl From<SiengeError> for BoletoError {
    fn from(error: SiengeError) -> Self {
        Self::Sienge(error)
    }
}

impl From<StoreError> for BoletoError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<FlowError> for BoletoError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Sienge(error) => Self::Sienge(error),
            other => Self::Internal(other),
        }
    }
}
