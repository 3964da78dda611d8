"""The first items of the catalog: complete, free of colliding headings, and true to the 双公示 field set."""

from collections import Counter

import pytest

from catalog.loader import load_catalog
from transforms.stage.header import normalise_header
from transforms.stage.template import item_templates

catalog = load_catalog()
ITEMS = {
    "XT001": "enterprise_registration", "XT005": "individual_business_registration",
    "XT007": "cooperative_registration", "XT008": "permanent_residents",
    "XT010": "social_organization_registration", "XT012": "government_organ_codes",
    "XT013": "public_institution_registration", "XT018": "teachers_in_service",
    "XT020": "physician_registration", "XT021": "nurse_registration",
    "XT023": "civil_servant_registration", "XT025": "lawyers", "XT027": "driving_licences",
    "XT062": "admin_permits", "XT063": "admin_penalties",
    "XT072": "judgment_debtor_persons", "XT073": "judgment_debtor_organizations",
}  # fmt: skip
PERMIT = (
    "XDR_MC XDR_LB XDR_SHXYM XDR_GSZC XDR_ZZJG XDR_SWDJ XDR_SYDW XDR_SHZZ FRDB FR_ZJLX FR_ZJHM "
    "XDR_ZJLX XDR_ZJHM XKWS WSH XKLB XKZS XKBH NR JDRQ YXQZ YXQZI XKJG XKJGDM ZT LYDW LYDWDM"
)
PENALTY = (
    "XDR_MC XDR_LB XDR_SHXYM XDR_GSZC XDR_ZZJG XDR_SWDJ XDR_SYDW XDR_SHZZ FRDB FR_ZJLX FR_ZJHM "
    "XDR_ZJLX XDR_ZJHM WSH WFXW SY YJ CFLB NR NR_FK NR_WFFF NR_ZKDX JDRQ YXQ GSJZQ CFJG CFJGDM SJLY SJLYDM"
)
ALIASES = {
    "admin_permits": ["XK_FDDB", "XK_XDR_GSDJ", "XK_XDR_ZDM", "XK_XZJG", "XK_FR_SFZH"],
    "admin_penalties": ["CF_FDDB", "CF_XDR_GSDJ", "CF_XDR_ZDM", "CF_XZJG", "CF_XKJG", "CF_FR_SFZH"],
}
OLD = {
    "admin_permits": "XK_WSH XK_XMMC XK_BM XK_SPLB XK_NR XK_XDR XK_XDR_SHXYM XK_XDR_ZDM XK_XDR_GSDJ "
    "XK_XDR_SWDJ XK_XDR_SFZ XK_FR XK_JDRQ XK_JZQ XK_XZJG XK_ZT DFBM SJC BZ XK_SYFW",
    "admin_penalties": "CF_WSH CF_CFMC CF_BM CF_CFLB1 CF_CFLB2 CF_SY CF_YJ CF_XDR_MC CF_XDR_SHXYM CF_XDR_ZDM "
    "CF_XDR_GSDJ CF_XDR_SWDJ CF_XDR_SFZ CF_FR CF_JG CF_JDRQ CF_XZJG CF_ZT DFBM SJC BZ CF_SYFW "
    "CF_SXYZCD CF_GSJZQ",
}


def test_the_seventeen_items_of_the_main_job_are_there():
    assert {code: catalog.item(code).id for code in ITEMS} == ITEMS


@pytest.mark.parametrize("item", catalog.items.values(), ids=lambda item: item.id)
def test_a_heading_means_one_field_in_each_format(item):
    for template in item_templates(item):
        meanings = {}
        for heading, field in template.headers.items():
            assert meanings.setdefault(normalise_header(heading), field) == field, (template.name, heading)
        ignored = {normalise_header(heading) for heading in template.ignored}
        assert not ignored & set(meanings), template.name


@pytest.mark.parametrize("item", catalog.items.values(), ids=lambda item: item.id)
def test_every_name_an_item_uses_is_one_of_its_fields(item):
    names = [field.name for field in item.fields]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    used = {*item.key, *(name for group in item.one_of for name in group), *filter(None, (item.expires,))} - {
        "subject"
    }
    used |= {rule.field for rule in item.county if rule.field}
    used |= {name for f in item.formats for name in (*f.headers, *f.lists, *f.absent)}
    used |= {check.field for check in item.checks if check.field}
    for rule in item.rules:
        used |= {
            v for k in ("field", "other", "id", "on", "by", "city", "code") if (v := getattr(rule, k, None))
        }
    assert used <= set(names)
    assert item.department in catalog.departments


@pytest.mark.parametrize("item", catalog.items.values(), ids=lambda item: item.id)
def test_numbers_of_persons_are_never_public(item):
    private = [f for f in item.fields if f.type in ("resident_id", "person_document")]
    assert all(f.share == "authorised" for f in private)


@pytest.mark.parametrize(
    ("item_id", "prefix", "codes"), [("admin_permits", "XK_", PERMIT), ("admin_penalties", "CF_", PENALTY)]
)
def test_all_codes_of_the_double_publicity_standard_are_read(item_id, prefix, codes):
    standard, old = item_templates(catalog.item(item_id))
    known = {prefix + code for code in codes.split()} | {"BZ"} | set(ALIASES[item_id])
    assert known <= set(standard.headers)
    assert set(OLD[item_id].split()) <= set(old.headers)


@pytest.mark.parametrize("item_id", ["admin_permits", "admin_penalties"])
def test_the_second_and_third_code_change_places_between_the_versions(item_id):
    new, old = item_templates(catalog.item(item_id))
    assert (new.headers["行政相对人代码_2"], new.headers["行政相对人代码_3"]) == (
        "registration_no",
        "org_code",
    )
    assert (old.headers["行政相对人代码_2"], old.headers["行政相对人代码_3"]) == (
        "org_code",
        "registration_no",
    )
