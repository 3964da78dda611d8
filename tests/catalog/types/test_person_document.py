"""Document number beside its kind: a resident ID unless the kind says otherwise."""

import pytest


@pytest.mark.parametrize(
    ("text", "kind", "plain", "fault"),
    [
        ("130521197001010017", "'resident_id'", "130521197001010017", None),
        ("130521700101001", "NULL", "130521197001010017", None),
        ("130521197001010018", "'resident_id'", None, "resident_id_check"),
        ("130521197001010018", "NULL", None, "resident_id_check"),
        ("E12345678", "'resident_id'", None, "resident_id_format"),
        ("E12345678", "NULL", None, "document_kind_missing"),
        ("E12345678", "'passport'", "E12345678", None),
        ("H0123456(7)", "'hk_macao_permit'", "H0123456(7)", None),
        ("E1", "'passport'", None, "document_no_format"),
        ("130528600123453", "'other'", "130528600123453", None),  # a business's registration number
        ("护照一", "'passport'", None, "document_no_format"),
        ("E1234****", "'passport'", "E1234****", None),
        (None, "'passport'", None, None),
    ],
)
def test_reads(read, text, kind, plain, fault):
    found = read("person_document", text, f"{kind} AS kind", document_kind="kind")
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_a_passport_is_not_repaired_as_an_id(repairs):
    assert repairs("person_document", "e 12345678", "'passport' AS kind", document_kind="kind") == []
    assert repairs("person_document", "130521700101001", "NULL AS kind", document_kind="kind") == [
        "resident_id_upgraded"
    ]
