use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const PRINTED: &str = "00190.00009 01234.567004 00001.234178 1 87890000108680";

fn read(text: &str) -> Boleto {
    Boleto::parse(text).unwrap()
}

/// A boleto with this factor, its check digits right.
fn with_factor(factor: u16) -> Boleto {
    sealed(&format!(
        "00190{factor:04}0000108680{:025}",
        1_234_567_000_000_123_417_u64
    ))
}

/// A barcode's digits with the general digit they need.
fn sealed(barcode: &str) -> Boleto {
    let digits: Vec<u8> = barcode.bytes().map(|byte| byte - b'0').collect();
    let mut boleto = Boleto::from_barcode(&digits);
    boleto.digits[4] = general_digit(&boleto.digits);
    read(&boleto.barcode())
}

#[test]
fn the_known_lines_are_read() {
    let reference = date(2026, 11, 20);
    for (line, bank, due, value) in [
        (PRINTED, "001", date(2021, 10, 30), Cents::new(108_680)),
        (
            "00190.00009 01234.567004 00001.234178 4 99990000108680",
            "001",
            date(2025, 2, 21),
            Cents::new(108_680),
        ),
        (
            "00190.00009 01234.567004 00001.234178 1 10000000108680",
            "001",
            date(2025, 2, 22),
            Cents::new(108_680),
        ),
        (
            "00190.00009 01234.567004 00001.234178 7 16560000108680",
            "001",
            date(2026, 12, 10),
            Cents::new(108_680),
        ),
        (
            "07790.00116 12064.449908 08159.365561 7 90020000015130",
            "077",
            date(2022, 5, 31),
            Cents::new(15_130),
        ),
    ] {
        let boleto = read(line);
        assert_eq!(boleto.due_on(reference), Some(due), "{line}");
        assert_eq!(
            (boleto.bank().as_str(), boleto.value()),
            (bank, Some(value)),
            "{line}"
        );
        assert_eq!(boleto.formatted(), line);
        assert_eq!(read(&boleto.barcode()), boleto);
    }
}

/// The characters of a text with a blank after each.
fn apart(text: &str, blank: &str) -> String {
    text.chars()
        .map(|digit| digit.to_string() + blank)
        .collect()
}

#[test]
fn dots_blanks_and_the_barcode_make_no_difference() {
    let boleto = read(PRINTED);
    assert_eq!(
        boleto.line(),
        "00190000090123456700400001234178187890000108680"
    );
    assert_eq!(
        boleto.barcode(),
        "00191878900001086800000001234567000000123417"
    );
    for text in [
        boleto.line(),
        boleto.barcode(),
        format!("  {PRINTED}\n"),
        "00190-00009 01234-567004 00001-234178 1 87890000108680".to_owned(),
        "00190.00009\u{a0}01234.567004\u{2003}00001.234178 – 1 – 87890000108680".to_owned(),
        "\u{feff}00190.\u{200b}00009 01234.567004\r\n00001.234178 1 87890000108680".to_owned(),
        "００１９０.00009 01234,567004 00001.234178 1 87890000108680".to_owned(),
        format!("Linha digitável: {PRINTED} (boleto)"),
        format!("Código de barras:\n{}.", boleto.barcode()),
        apart(&boleto.line(), "\u{a0}"),
        apart(&boleto.barcode(), " \u{2007}"),
        apart(
            "００１９０００００９０１２３４５６７００４００００１２３４１７８１８７８９００００１０８６８０",
            "\u{3000}",
        ),
        format!(
            "Linha digitável do boleto com vencimento em outubro, para pagar em qualquer banco até o vencimento:\n{PRINTED}"
        ),
    ] {
        assert_eq!(read(&text), boleto, "{text}");
    }
}

#[test]
fn a_last_field_printed_short_is_the_same_boleto() {
    const FIELDS: &str = "00190.00009 01234.567004 00001.234178";
    for (short, whole, value, due) in [
        ("4 000", "4 00000000000000", None, None),
        ("4 0", "4 00000000000000", None, None),
        ("4 0000 000", "4 00000000000000", None, None),
        ("4 0000000000000", "4 00000000000000", None, None),
        (
            "5 15130",
            "5 00000000015130",
            Some(Cents::new(15_130)),
            None,
        ),
        (
            "5 0000015130",
            "5 00000000015130",
            Some(Cents::new(15_130)),
            None,
        ),
        (
            "8 8789000",
            "8 00000008789000",
            Some(Cents::new(8_789_000)),
            None,
        ),
        (
            "7 8789000",
            "7 87890000000000",
            None,
            Some(date(2021, 10, 30)),
        ),
        (
            "7 8789 000",
            "7 87890000000000",
            None,
            Some(date(2021, 10, 30)),
        ),
        (
            "7 878900000000",
            "7 87890000000000",
            None,
            Some(date(2021, 10, 30)),
        ),
        (
            "4 1656 0",
            "4 16560000000000",
            None,
            Some(date(2026, 12, 10)),
        ),
    ] {
        let boleto = read(&format!("{FIELDS} {whole}"));
        for text in [
            format!("{FIELDS} {short}"),
            format!("{FIELDS} {short}").replace([' ', '.'], ""),
        ] {
            assert_eq!(read(&text), boleto, "{text}");
        }
        assert_eq!(
            (boleto.value(), boleto.due_on(date(2026, 11, 20))),
            (value, due),
            "{short}"
        );
        assert_eq!(boleto.formatted(), format!("{FIELDS} {whole}"));
    }
    // A wrong general digit, nothing after it, a value that lost a digit, a wrong field, one digit too many.
    for wrong in [
        format!("{FIELDS} 3 000"),
        format!("{FIELDS} 4"),
        format!("{FIELDS} 1 8789000010868"),
        "00190.00008 01234.567004 00001.234178 4 000".to_owned(),
        format!("{FIELDS} 4 000000000000000"),
    ] {
        assert!(
            matches!(
                Boleto::parse(&wrong),
                Err(InvalidBoleto::Length { .. } | InvalidBoleto::Collection)
            ),
            "{wrong}"
        );
    }
}

#[test]
fn a_utility_bill_is_named_by_its_line_and_by_its_barcode() {
    for text in [
        "846700000017435900240209024050002435842210108119",
        "84670000001-7 43590024020-9 02405000243-5 84221010811-9",
        "84670000001435900240200240500024384221010811",
        "83640000001 3 31790138000 4 48601440000 7 19083152060 1",
        "858900004609524601791605607593050865831483000010",
        "Fatura: 82650000001234567890123456789012345678901234",
    ] {
        assert_eq!(
            Boleto::parse(text),
            Err(InvalidBoleto::Collection),
            "{text}"
        );
    }
}

#[test]
fn a_factor_is_the_day_nearest_to_the_reference() {
    for (factor, reference, due) in [
        // Either side of the turn, seen from both sides and from the day itself.
        (9999, date(2025, 2, 21), date(2025, 2, 21)),
        (9999, date(2025, 2, 22), date(2025, 2, 21)),
        (1000, date(2025, 2, 21), date(2025, 2, 22)),
        (1000, date(2025, 2, 22), date(2025, 2, 22)),
        (1000, date(2024, 6, 1), date(2025, 2, 22)),
        (9999, date(2026, 6, 1), date(2025, 2, 21)),
        // Before 2010, where a fixed pivot is wrong.
        (1000, date(2000, 7, 3), date(2000, 7, 3)),
        (4000, date(2008, 9, 20), date(2008, 9, 19)),
        (1000, date(2008, 1, 1), date(2000, 7, 3)),
        (7, date(1998, 1, 1), date(1997, 10, 14)),
        (999, date(2030, 1, 1), date(2000, 7, 2)),
        // After 2034, where it is wrong again.
        (4600, date(2034, 12, 31), date(2035, 1, 1)),
        (9999, date(2049, 10, 1), date(2049, 10, 13)),
        (1000, date(2049, 10, 1), date(2049, 10, 14)),
        (1000, date(2074, 6, 1), date(2074, 6, 5)),
        // Half-way between two: the later one.
        (1000, date(2012, 10, 28), date(2025, 2, 22)),
        (1000, date(2012, 10, 27), date(2000, 7, 3)),
    ] {
        assert_eq!(
            with_factor(factor).due_on(reference),
            Some(due),
            "{factor} at {reference}"
        );
    }
}

#[test]
fn no_date_and_no_value_are_said() {
    assert_eq!(with_factor(0).due_on(date(2026, 1, 1)), None);
    let open = sealed(&format!("0019018780000000000{:025}", 42));
    assert_eq!(open.value(), None);
    let last = with_factor(9999).due_on(Date::MAX);
    assert!(last.is_none_or(|due| due > date(9980, 1, 1)), "{last:?}");
    assert_eq!(with_factor(5000).due_on(Date::MIN), Some(date(2011, 6, 16)));
}

#[test]
fn what_is_wrong_is_said_without_the_line() {
    for (text, wrong) in [
        ("", InvalidBoleto::Length { digits: 0 }),
        (
            "00190.00009 01234.567004 00001.234178 1 8789000010868",
            InvalidBoleto::Length { digits: 46 },
        ),
        (&"1".repeat(500), InvalidBoleto::Length { digits: 500 }),
        (
            "00190.00009 01234.567004 00001.234178 1 8789000010868O",
            InvalidBoleto::NotDigits,
        ),
        (
            "٠0190.00009 01234.567004 00001.234178 1 87890000108680",
            InvalidBoleto::NotDigits,
        ),
        (
            "846700000017435900240209024050002435842210108119",
            InvalidBoleto::Collection,
        ),
        (
            "00190.00008 01234.567004 00001.234178 1 87890000108680",
            InvalidBoleto::Field { field: 1 },
        ),
        (
            "00190.00009 01234.567104 00001.234178 1 87890000108680",
            InvalidBoleto::Field { field: 2 },
        ),
        (
            "00190.00009 01234.567004 00001.234177 1 87890000108680",
            InvalidBoleto::Field { field: 3 },
        ),
        (
            "00190.00009 01234.567004 00001.234178 2 87890000108680",
            InvalidBoleto::General,
        ),
        (
            "00190.00009 01234.567004 00001.234178 1 87890000108681",
            InvalidBoleto::General,
        ),
        (
            "00181878900001086800000001234567000000123417",
            InvalidBoleto::Currency,
        ),
    ] {
        let error = Boleto::parse(text).unwrap_err();
        assert_eq!(error, wrong, "{text}");
        let said = format!("{error} {error:?}");
        let digits = said.bytes().filter(u8::is_ascii_digit).count();
        assert!(digits <= 10 && !said.contains("0019"), "{said}");
    }
    assert_eq!(format!("{:?}", read(PRINTED)), "Boleto(banco 001)");
}

/// Any boleto: bank, factor, value, free field.
fn boletos() -> impl Strategy<Value = Boleto> {
    "[0-79][0-9]{2}9[0-9]{40}".prop_map(|digits| sealed(&digits))
}

fn digits_of(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| byte - b'0').collect()
}

/// Remainders that all give the general digit 1.
fn collapses(remainder: u8) -> bool {
    matches!(remainder, 0 | 1 | 10)
}

/// Whether the general digit cannot tell two barcodes apart.
fn look_alike(one: &Boleto, other: &[u8]) -> bool {
    let line = [
        &other[0..4],
        &other[32..47],
        &other[4..9],
        &other[10..20],
        &other[21..31],
    ]
    .concat();
    let other = Boleto::from_barcode(&line);
    let (before, after) = (
        general_remainder(&one.digits),
        general_remainder(&other.digits),
    );
    collapses(before) && collapses(after)
}

proptest! {
    #[test]
    fn line_and_barcode_are_the_same_boleto(boleto in boletos()) {
        prop_assert_eq!(&read(&boleto.line()), &boleto);
        prop_assert_eq!(&read(&boleto.formatted()), &boleto);
        prop_assert_eq!(&read(&boleto.barcode()), &boleto);
        prop_assert_eq!((boleto.line().len(), boleto.barcode().len()), (LINE_DIGITS, BARCODE_DIGITS));
    }

    #[test]
    fn a_changed_digit_is_found(boleto in boletos(), at in 0..LINE_DIGITS, by in 1..10_u8) {
        let mut line = digits_of(&boleto.line());
        line[at] = (line[at] + by) % 10;
        let found = Boleto::parse(&text_of(&line)).is_err();
        // The three fields and the general digit always; factor and value unless the general digit cannot tell.
        let expected = at < 33 || !look_alike(&boleto, &line);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn swapped_neighbours_are_found_but_for_the_known_exceptions(boleto in boletos(), at in 0..LINE_DIGITS - 1) {
        let mut line = digits_of(&boleto.line());
        prop_assume!(line[at] != line[at + 1]);
        // Within one field and its check digit, or within factor and value.
        prop_assume!(![9, 20, 31, 32].contains(&at));
        let zero_and_nine = line[at] + line[at + 1] == 9 && line[at].min(line[at + 1]) == 0;
        line.swap(at, at + 1);
        let found = Boleto::parse(&text_of(&line)).is_err();
        let by_field = at < 32 && !zero_and_nine;
        prop_assert_eq!(found, by_field || !look_alike(&boleto, &line) || line[3] != REAL);
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,130}") {
        let _ = Boleto::parse(&text);
    }

    #[test]
    fn a_due_date_is_read_back_from_within_twelve_years(days in 1_000..40_000_i32, off in -4_400..4_400_i32) {
        let due = FACTOR_BASE.checked_add(days.days()).unwrap();
        let factor = u16::try_from((days - 1_000) % 9_000 + 1_000).unwrap();
        let reference = due.checked_add(off.days()).unwrap();
        prop_assert_eq!(with_factor(factor).due_on(reference), Some(due));
    }
}
