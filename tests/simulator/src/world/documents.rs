//! CPF and CNPJ: check digits for invented people and companies, and the printed forms.

/// Completes nine digits to a valid CPF.
pub fn cpf(base: [u8; 9]) -> String {
    let mut digits: Vec<u32> = base.iter().map(|&digit| u32::from(digit)).collect();
    for first_weight in [10, 11] {
        let sum: u32 = digits
            .iter()
            .zip((2..=first_weight).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        let remainder = sum * 10 % 11;
        digits.push(if remainder == 10 { 0 } else { remainder });
    }
    digits
        .iter()
        .filter_map(|&digit| char::from_digit(digit, 10))
        .collect()
}

/// Completes twelve characters (0-9, A-Z) to a valid CNPJ, numeric or alphanumeric.
pub fn cnpj(base: &str) -> String {
    let mut text: String = base.chars().take(12).collect();
    for _ in 0..2 {
        let values: Vec<u32> = text.bytes().map(|byte| u32::from(byte) - 48).collect();
        let sum: u32 = values
            .iter()
            .rev()
            .zip((2..=9).cycle())
            .map(|(value, weight)| value * weight)
            .sum();
        let remainder = sum % 11;
        let digit = if remainder < 2 { 0 } else { 11 - remainder };
        text.extend(char::from_digit(digit, 10));
    }
    text
}

/// `000.000.000-00` or `00.000.000/0000-00`; anything else comes back as it is.
pub fn formatted(document: &str) -> String {
    match document.len() {
        11 => format!(
            "{}.{}.{}-{}",
            &document[..3],
            &document[3..6],
            &document[6..9],
            &document[9..]
        ),
        14 => format!(
            "{}.{}.{}/{}-{}",
            &document[..2],
            &document[2..5],
            &document[5..8],
            &document[8..12],
            &document[12..]
        ),
        _ => document.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{cnpj, cpf, formatted};

    #[test]
    fn check_digits_match_known_documents() {
        assert_eq!(cpf([5, 2, 9, 9, 8, 2, 2, 4, 7]), "52998224725");
        assert_eq!(cnpj("114447770001"), "11444777000161");
        assert_eq!(cnpj("112223330001"), "11222333000181");
        assert_eq!(cnpj("12ABC34501DE"), "12ABC34501DE35");
        assert_eq!(cnpj("SY99M4WL1G7A"), "SY99M4WL1G7A66");
        assert_eq!(cnpj("9M05NMN2TZR5"), "9M05NMN2TZR592");
    }

    #[test]
    fn documents_are_printed_with_their_punctuation() {
        assert_eq!(formatted("52998224725"), "529.982.247-25");
        assert_eq!(formatted("12ABC34501DE35"), "12.ABC.345/01DE-35");
    }
}
