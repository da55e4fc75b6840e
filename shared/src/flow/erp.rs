//! Sienge over its HTTP client.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::sienge::{
    BillAnswer, BillBoletos, BillRead, Client, ExtractHistoryWindow, IncomeWindow, OddRow,
    SiengeError, income_facts,
};
use crate::sync::{Erp, ObservedRow};

#[async_trait]
impl Erp for Client {
    async fn observe(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError> {
        self.observe_each(reads).await
    }

    async fn confirm(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError> {
        self.confirm_each(reads).await
    }

    fn income(
        &self,
        query: &IncomeWindow,
    ) -> BoxStream<'static, Result<Result<ObservedRow, OddRow>, SiengeError>> {
        self.income(query).map(|row| Ok(income_facts(row?))).boxed()
    }

    fn extract(
        &self,
        query: &ExtractHistoryWindow,
    ) -> BoxStream<'static, Result<BillBoletos, SiengeError>> {
        let rows = self.extract_history(query);
        // A row without a bill says nothing about any boleto.
        rows.filter_map(async |row| row.map(|row| row.boletos().ok()).transpose())
            .boxed()
    }
}
