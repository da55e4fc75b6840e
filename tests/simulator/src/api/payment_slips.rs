//! Second copies of boletos: the link, the digitable line, and sending them.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{ApiError, Context, everything};
use crate::world::{Bill, Installment, World, days_between};

/// The bank of every boleto.
const BANK: &str = "001";
/// The due factor's day 0, its last value and the length of its cycle.
const FACTOR_BASE: Date = jiff::civil::date(1997, 10, 7);
const LAST_FACTOR: i64 = 9_999;
const FACTOR_CYCLE: i64 = 9_000;

/// `GET /payment-slip-notification`: 404 when there is no such installment, 422 when it has no registered charge.
pub fn payment_slip(context: &Context) -> Result<Value, ApiError> {
    let bill = context.query.required_id("billReceivableId")?;
    let installment = context.query.required_id("installmentId")?;
    let (bill, row, number) = charged(context.world, bill, installment)?;
    let line = digitable_line(row, number);
    let mut answer = json!({
        "urlReport": format!("https://boletos.example/segunda-via/{}-{}.pdf?chave={:08x}", bill.id, row.id, number.wrapping_mul(0x9E37_79B1)),
        "digitableNumber": line,
    });
    if context.documented() {
        answer["fileName"] = json!(format!("boleto-{}-{}.pdf", bill.id, row.id));
        answer["parameter1207"] = json!(false);
    }
    Ok(everything(&[answer]))
}

/// The e-mail that `POST /payment-slip-notification` asks for, once it may be sent.
pub fn email(world: &World, body: &Value) -> Result<Value, ApiError> {
    let id = |field: &str| {
        let id = body[field].as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| ApiError::parameter(field, "parâmetro obrigatório"))
    };
    for field in ["emailCustomer", "emailTitle", "emailBody"] {
        if body[field]
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
        {
            return Err(ApiError::parameter(field, "parâmetro obrigatório"));
        }
    }
    let (bill, row, number) = charged(world, id("receivableBillId")?, id("installmentId")?)?;
    Ok(json!({
        "billId": bill.id,
        "installmentId": row.id,
        "to": body["emailCustomer"],
        "title": body["emailTitle"],
        "body": body["emailBody"],
        "digitableNumber": digitable_line(row, number),
    }))
}

/// The control operation that `PATCH …/change-due-date` amounts to: refused for installments with receipts and for past dates.
pub fn new_due_date(
    world: &World,
    bill: u32,
    installment: u32,
    body: &Value,
) -> Result<Value, ApiError> {
    let wrong = || ApiError::parameter("newDueDate", "deve ser uma data no formato yyyy-MM-dd");
    let due: Date = body["newDueDate"]
        .as_str()
        .ok_or_else(wrong)?
        .parse()
        .map_err(|_| wrong())?;
    let (_, row) = find(world, bill, installment)?;
    if !row.open() || !row.receipts.is_empty() || due < world.today {
        return Err(ApiError::status(422));
    }
    Ok(json!({"billId": bill, "installmentId": installment, "dueDate": due.to_string()}))
}

fn find(world: &World, bill: u32, installment: u32) -> Result<(&Bill, &Installment), ApiError> {
    let bill = world.bills.get(&bill).ok_or(ApiError::status(404))?;
    Ok((
        bill,
        bill.installment(installment).ok_or(ApiError::status(404))?,
    ))
}

/// The installment with the bank number of its registered charge.
fn charged(
    world: &World,
    bill: u32,
    installment: u32,
) -> Result<(&Bill, &Installment, u64), ApiError> {
    let (bill, row) = find(world, bill, installment)?;
    let number = row
        .boleto
        .filter(|_| row.open())
        .ok_or(ApiError::status(422))?;
    Ok((bill, row, number))
}

/// The line of the installment's boleto, for its balance and due date.
fn digitable_line(row: &Installment, number: u64) -> String {
    let mut factor = days_between(FACTOR_BASE, row.due);
    while factor > LAST_FACTOR {
        factor -= FACTOR_CYCLE;
    }
    let value = u64::try_from(row.balance.0).unwrap_or(0) % 10_000_000_000;
    let free = format!("{:025}", u128::from(number) * 1_000 + 17);
    let money = format!("{factor:04}{value:010}");
    let general = eleven(&format!("{BANK}9{money}{free}"));
    let field = |digits: String| {
        let (head, tail) = digits.split_at(5);
        format!("{head}.{tail}{}", ten(&digits))
    };
    let fields = [
        format!("{BANK}9{}", &free[..5]),
        free[5..15].to_owned(),
        free[15..].to_owned(),
    ]
    .map(field);
    format!("{} {general} {money}", fields.join(" "))
}

fn values(digits: &str) -> impl DoubleEndedIterator<Item = u32> {
    digits
        .chars()
        .filter_map(|character| character.to_digit(10))
}

/// Modulo 10: every second digit from the right doubled.
fn ten(digits: &str) -> u32 {
    const DOUBLED: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let mut sum = 0;
    for (place, digit) in values(digits).rev().enumerate() {
        sum += if place % 2 == 0 {
            DOUBLED[digit as usize % 10]
        } else {
            digit
        };
    }
    (10 - sum % 10) % 10
}

/// Modulo 11: weights 2 to 9 from the right; what would be 0, 10 or 11 is 1.
fn eleven(digits: &str) -> u32 {
    let mut sum = 0;
    let mut weight = 2;
    for digit in values(digits).rev() {
        sum += digit * weight;
        weight = if weight == 9 { 2 } else { weight + 1 };
    }
    match 11 - sum % 11 {
        10 | 11 => 1,
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::{eleven, ten};

    #[test]
    fn check_digits_are_those_of_a_known_line() {
        assert_eq!(
            [ten("001900000"), ten("0123456700"), ten("0000123417")],
            [9, 4, 8]
        );
        for (factor, digit) in [("8789", 1), ("9999", 4), ("1000", 1), ("1656", 7)] {
            let barcode = format!("0019{factor}00001086800000001234567000000123417");
            assert_eq!(eleven(&barcode), digit, "{factor}");
        }
    }
}
