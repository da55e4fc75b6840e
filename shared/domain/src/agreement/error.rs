//! Why an agreement is refused: the rule that was broken, and the values that broke it.

use crate::calculation::Key;
use crate::calendar::{Date, brazilian};
use crate::ids::{AgreementId, BillId, CreditorId};
use crate::money::Cents;
use crate::portfolio::Critique;

/// Why an agreement was not made. The texts are Portuguese and say what is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// No installment is selected.
    #[error("selecione ao menos uma parcela")]
    NothingSelected,
    /// More installments than one agreement takes.
    #[error("{selected} parcelas são demais para um acordo; selecione até {most}")]
    TooManyInstallments {
        /// How many are selected.
        selected: usize,
        /// How many may be.
        most: usize,
    },
    /// More bills than one agreement takes.
    #[error("{selected} contratos são demais para um acordo; selecione até {most}")]
    TooManyBills {
        /// How many are selected.
        selected: usize,
        /// How many may be.
        most: usize,
    },
    /// The installments belong to more than one customer.
    #[error("as parcelas são de clientes diferentes; salve um acordo por cliente")]
    SeveralCustomers,
    /// The operator's id is not a code.
    #[error(
        "informe um código, não um nome: até {most} letras sem acento, algarismos, \".\", \"_\" ou \"-\""
    )]
    OperatorNotACode {
        /// The longest one.
        most: usize,
    },
    /// The notes are too long.
    #[error("o texto é longo demais; escreva até {most} caracteres")]
    NotesTooLong {
        /// Whether they are those the debtor may read.
        public: bool,
        /// How many characters they may have.
        most: usize,
    },
    /// The quote is of a day in the past.
    #[error("a simulação é de {}, que já passou; simule de novo", brazilian(*.quoted_on))]
    QuotePassed {
        /// The day.
        quoted_on: Date,
    },
    /// A proposal can't be valid until that day.
    #[error(
        "a proposta não pode valer até {}; informe uma data de {} a {}",
        brazilian(*.expires_on),
        brazilian(*.first),
        brazilian(*.last)
    )]
    Validity {
        /// The day asked for.
        expires_on: Date,
        /// The first possible one.
        first: Date,
        /// The last possible one.
        last: Date,
    },
    /// A bill belongs to another creditor than the agreement.
    #[error("o contrato {bill} é do credor {creditor}, não do credor {expected}")]
    OtherCreditor {
        /// The bill.
        bill: BillId,
        /// Its creditor.
        creditor: CreditorId,
        /// The agreement's.
        expected: CreditorId,
    },
    /// An integrated agreement covers one bill.
    #[error(
        "um acordo integrado é um reparcelamento de um só contrato (título); salve um acordo por contrato"
    )]
    SeveralBills,
    /// An integrated agreement is monthly.
    #[error("um acordo integrado é mensal (condição PM); informe \"M\"")]
    NotMonthly,
    /// A row of an integrated agreement comes to nothing.
    #[error("o Sienge não gera parcela sem valor")]
    RowWithoutValue {
        /// The row's number.
        number: u16,
    },
    /// The due dates of an integrated agreement are not those that Sienge will calculate.
    #[error(
        "em um acordo integrado o Sienge calcula os vencimentos, no mesmo dia de cada mês; não mova vencimentos para dias úteis nem informe outro dia"
    )]
    OwnDueDates,
    /// The bill is not in the portfolio.
    #[error("contrato {0} não encontrado na carteira")]
    UnknownBill(BillId),
    /// The bill has no such installment.
    #[error("parcela {} não encontrada no contrato {}", .0.installment, .0.bill)]
    UnknownInstallment(Key),
    /// The contract was cancelled.
    #[error("o contrato {0} foi cancelado no Sienge")]
    CancelledContract(BillId),
    /// In Sienge the bill already belongs to another customer.
    #[error("{}", Critique::AssignmentWaitsForReconciliation { bill: *.0 }.text())]
    AssignmentWaits(BillId),
    /// Since the quote the bill has moved to another contract.
    #[error("o contrato {0} mudou de titular; simule de novo")]
    OtherHolder(BillId),
    /// Another living agreement holds the installment.
    #[error("{} já está no acordo {agreement}", installment(*.key))]
    InAnotherAgreement {
        /// The installment.
        key: Key,
        /// The agreement.
        agreement: AgreementId,
    },
    /// Another integrated agreement holds the bill.
    #[error(
        "Só é possível realizar um reparcelamento por contrato (título): o contrato {bill} já está no acordo integrado {agreement}"
    )]
    AnotherRemake {
        /// The bill.
        bill: BillId,
        /// The agreement.
        agreement: AgreementId,
    },
    /// The installment is settled or returned.
    #[error("{} já foi quitada ou devolvida; retire-a da seleção", installment(*.0))]
    NotOpen(Key),
    /// The installment's balance is not the quoted one.
    #[error(
        "o saldo d{} é R$ {}, não R$ {}; simule de novo",
        installment(*.key),
        .balance.brazilian(),
        .quoted.brazilian()
    )]
    OtherBalance {
        /// The installment.
        key: Key,
        /// What is owed.
        balance: Cents,
        /// What was quoted.
        quoted: Cents,
    },
    /// The bill's indexer is not known.
    #[error("indexador do contrato não informado pelo Sienge")]
    UnknownIndexer,
}

fn installment(key: Key) -> String {
    format!("a parcela {} do contrato {}", key.installment, key.bill)
}
