//! Words invented people, streets and works are named with.

pub const FIRST: &[&str] = &[
    "Aline", "Bruno", "Camila", "Daniel", "Elisa", "Fábio", "Gabriela", "Heitor", "Isabel", "João",
    "Karina", "Lucas", "Marina", "Nelson", "Olívia", "Paulo", "Regina", "Sérgio", "Tatiana",
    "Vicente", "Yara", "Zeca",
];
pub const MIDDLE: &[&str] = &[
    "Almeida",
    "Barros",
    "Campos",
    "Duarte",
    "Esteves",
    "Figueira",
    "Guedes",
    "Hilário",
    "Junqueira",
    "Lobato",
    "Macedo",
    "Neiva",
    "Ortiz",
    "Pacheco",
    "Queiroz",
    "Rezende",
    "Saldanha",
    "Teles",
    "Uchoa",
    "Viveiros",
];
pub const LAST: &[&str] = &[
    "da Silva",
    "de Souza",
    "Pereira",
    "dos Santos",
    "Conceição",
    "Araújo",
    "Gonçalves",
    "Moura",
    "Brandão",
    "Sant'Anna",
    "D'Ávila",
    "Peixoto",
    "Quintão",
    "Ribeiro",
    "Vasques",
    "Xavier",
];
pub const TRADES: &[&str] = &[
    "Padaria",
    "Oficina",
    "Clínica",
    "Papelaria",
    "Mercearia",
    "Estúdio",
    "Transportes",
];
pub const STREETS: &[&str] = &[
    "Rua das Palmeiras",
    "Avenida Central",
    "Rua do Poente",
    "Travessa da Fonte",
    "Alameda dos Ipês",
    "Rua Nova",
];
pub const DISTRICTS: &[&str] = &[
    "Centro",
    "Jardim América",
    "Vila Nova",
    "Boa Vista",
    "Santa Luzia",
];
pub const CITIES: &[(u32, &str, &str, &str)] = &[
    (4_204_202, "Chapecó", "SC", "898"),
    (4_205_407, "Florianópolis", "SC", "880"),
    (3_550_308, "São Paulo", "SP", "010"),
    (3_106_200, "Belo Horizonte", "MG", "301"),
    (4_106_902, "Curitiba", "PR", "800"),
];
pub const AREA_CODES: &[&str] = &["49", "48", "11", "31", "41"];
pub const WORKS: &[&str] = &[
    "Residencial Aurora",
    "Edifício Mirante",
    "Loteamento Campo Belo",
    "Condomínio das Águas",
    "Torre Horizonte",
    "Parque das Araucárias",
    "Vila do Sol",
    "Edifício Solar",
    "Residencial Ipê",
    "Jardins do Vale",
];
pub const COMPANIES: &[&str] = &[
    "Construtora Alvorada",
    "Incorporadora Beira-Rio",
    "Cerrado Empreendimentos",
];
pub const PROFESSIONS: &[&str] = &[
    "Professora",
    "Engenheiro",
    "Comerciante",
    "Autônomo",
    "Enfermeira",
];
