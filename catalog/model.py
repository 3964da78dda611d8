"""What a catalog item may state. Facts only: no SQL, no operator names, no Python; unknown keys are errors.

Shape after the directory and item columns of live city platforms (domain notes 5.3) and GB/T 39440 目录编制指南.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Key
from pydantic import model_validator

from catalog.base import Model as Model
from catalog.base import Name as Name
from catalog.base import Values as Values
from catalog.channel import Source
from catalog.fixed_width import FixedWidth

Share = Literal["public", "government", "authorised"]  # 社会公开 / 政务共享 / 授权查询
Level = Literal["quarantine", "set_aside", "warn"]
CheckLevel = Literal["fail", "warn"]
Frequency = Literal["realtime", "daily", "weekly", "7wd", "monthly", "quarterly", "half_yearly", "yearly"]
SubjectKind = Literal[
    "enterprise",
    "individual_business",
    "cooperative",
    "person",
    "social_organization",
    "public_institution",
    "government_organ",
    "village_committee",
    "other_organization",
    "organization",
    "any",
]

SUBJECT = "subject"
"""The word in a key that stands for whoever the row is about."""
STANDARD = "standard"
"""The name under which the catalog's own format is known beside those of `formats`."""
_CODES = ("uscc", "org_code", "registration_no", "mixed")
IDENTIFIERS = (*_CODES, "person")
"""Keys of a subject that name its identifiers."""
PERIOD_MONTHS: dict[str, int] = {"quarterly": 3, "half_yearly": 6, "yearly": 12}


class Condition(Model):
    """Holds when `field` has one of the values (`in`), contains one of them (`has`, for sets), or is filled."""

    field: Name
    in_: Values | None = Key(None, alias="in")
    has: Values | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        if sum(x is not None for x in (self.in_, self.has, self.present)) != 1:
            raise ValueError("条件须在 in、has、present 中恰写一项")
        return self


class Field(Model):
    """One data item (数据项): a column of the department's file and of `rec.<item>`."""

    name: Name
    title: str
    type: str
    headers: Values = ()
    required: bool | Condition = False
    length: int | None = None
    unit: str | None = None
    list: str | None = None
    min: str | None = None
    max: str | None = None
    share: Share | None = None
    change: bool = True
    same_column_as: Name | None = None
    fallback: Name | None = None
    """The field whose value counts where this one is empty (a decision without a number bears its certificate's)."""
    document_kind: Name | None = None
    only: str | None = None
    """The one format (by id) that has the field; no other file has such a column."""
    renamed_from: Values = ()
    """Names the field had before, the oldest first: its column in the lake is renamed, what is stored stays."""
    note: str | None = None
    example: str | None = None


class Subject(Model):
    """Who a row is about, and the fields that identify it, strongest first."""

    kind: SubjectKind
    name: Name
    uscc: Name | None = None
    org_code: Name | None = None
    registration_no: Name | None = None
    person: Name | None = None
    mixed: Name | None = None
    address: Name | None = None
    """Where the subject is registered or lives: of a natural person it is not published."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The fields that hold a code of organisations."""
        return tuple(name for role in _CODES if (name := getattr(self, role)) is not None)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The fields that identify the subject, its name not among them."""
        return self.codes if self.person is None else (*self.codes, self.person)


class CountyRule(Model):
    """One step of the attribution to a county (domain notes 6.5); steps are tried in order."""

    by: Literal["authority", "registrar", "division", "address", "household"]
    field: Name | None = None


class NotBefore(Model):
    """`field` must not be earlier than `other` (both dates); an open end (9999-12-31) is always later."""

    rule: Literal["not_before"]
    field: Name
    other: Name
    level: Level = "quarantine"


class NotAfterPeriod(Model):
    """A date that must not lie after the batch's period (plus `days` of grace): nothing happens before it did."""

    rule: Literal["not_after_period"]
    field: Name
    days: int = 31
    level: Level = "quarantine"


class Prefix(Model):
    """The code starts with one of `in`; or, `by` another field, with one of what `allow` lists for its value."""

    rule: Literal["prefix"]
    field: Name
    in_: Values | None = Key(None, alias="in")
    by: Name | None = None
    allow: dict[str, Values] | None = None
    level: Level = "quarantine"

    @model_validator(mode="after")
    def _fixed_or_by(self) -> Prefix:
        if (self.in_ is None) == (self.by is None or self.allow is None):
            raise ValueError("prefix 须写 in，或同时写 by 与 allow")
        return self


class WithinCity(Model):
    """The row belongs to this city: by a `city` column, else by the region digits of a code. Others are set aside."""

    rule: Literal["within_city"]
    city: Name | None = None
    code: Name | None = None
    level: Level = "set_aside"


class MatchesId(Model):
    """A birth date or sex that must agree with the resident ID number (GB 11643)."""

    rule: Literal["matches_id"]
    field: Name
    id: Name
    what: Literal["birth_date", "sex"]
    level: Level = "quarantine"


class Adult(Model):
    """The person is of full age (18) on `on`, else at the period's end: 河北省社会信用信息条例 knows no minors."""

    rule: Literal["adult"]
    id: Name
    on: Name | None = None
    level: Level = "quarantine"


class Empty(Model):
    """`field` must be empty when the condition holds (a natural person has no USCC, domain notes 9.2 no. 55)."""

    rule: Literal["empty"]
    field: Name
    when: Condition
    level: Level = "quarantine"


class NotAbove(Model):
    """`field` must not exceed `other`: nobody has paid more than was owed (numbers or amounts of one unit)."""

    rule: Literal["not_above"]
    field: Name
    other: Name
    level: Level = "quarantine"


class Differs(Model):
    """Two codes that must not be the same: nobody is his own creditor."""

    rule: Literal["differs"]
    field: Name
    other: Name
    level: Level = "quarantine"


class StatedAmount(Model):
    """An amount in 万元 must not be the figure that the running text `text` gives in 元: 2000 for 罚款2000元."""

    rule: Literal["stated_amount"]
    field: Name
    text: Name
    level: Level = "quarantine"


class NoTestData(Model):
    """The text is not a tester's leftover (测试, 张三, 123456)."""

    rule: Literal["no_test_data"]
    field: Name
    level: Level = "quarantine"


RowRule = Annotated[
    NotBefore
    | NotAfterPeriod
    | NotAbove
    | Differs
    | Prefix
    | WithinCity
    | MatchesId
    | Adult
    | Empty
    | StatedAmount
    | NoTestData,
    Key(discriminator="rule"),
]
RULE_FIELDS = ("field", "other", "by", "id", "on", "city", "code", "text")
"""Keys of a rule that name fields."""


class Format(Model):
    """Another version of the item's format: its own headers and code lists, and the fields it lacks."""

    id: str
    title: str
    headers: dict[Name, Values] = Key({})
    lists: dict[Name, str] = Key({})
    absent: Values = ()
    ignore: Values = ()
    fixed_width: FixedWidth | None = None
    """Files of this format are fixed-width text; they are told by the width of their lines, having no headings."""


class RowBounds(Model):
    """Rows a healthy delivery has; below `min` the batch is refused, above `max` it is marked."""

    min: int
    max: int


class RejectRate(Model):
    """Share of faulty rows (0-1) above which the batch is marked or refused."""

    warn: float = 0.02
    fail: float = 0.3


class Check(Model):
    """A further expectation on the batch as a set, beyond what the fields imply."""

    level: CheckLevel
    check: Literal["fill_rate_min", "distinct_max_share", "volume_change"]
    field: Name | None = None
    value: float | None = None
    months: int | None = None
    tolerance: float | None = None


class Due(Model):
    """Day of the following month by which the delivery is owed; working days from the act where a law sets them."""

    day: int = Key(5, ge=1, le=20)
    working_days: int | None = None
    after: Name | None = None
    """The date field (decision, commitment) from which the working days run."""


class LegalBasis(Model):
    document: str
    clause: str | None = None


class Owner(Model):
    provider: str


class Provision(Model):
    """Who owes the item since when, and why."""

    role: Literal["city_department", "county_bureau", "city_and_county"]
    since: str
    reason: str


class Publicity(Model):
    """When a record is no longer shown to anybody but those who keep it; an item without this is shown as long as it is kept."""

    from_: Name | None = Key(None, alias="from")
    """The date field from which a `period` counts."""
    until: Name | None = None
    """The date field that names the last day of publication."""
    ended: Name | None = None
    """The date field that names the first day without publication (removed, lifted, paid up)."""
    period: Name | None = None
    """The periods that govern it, of reference/publicity.yml."""
    degree: Name | None = None
    """The field with the degree of dishonesty that the provider states."""
    kinds: Values = ()
    """The fields with the kinds of penalty."""
    adverse: bool = True
    """Whether such a record speaks against its subject: an honour that may be revoked does not."""
    withdrawn: Condition | None = None
    """Holds where the provider has withdrawn the record or marks an objection."""


class Process(Model):
    """An item whose records act upon records of other items: an objection suspends them, a repair ends their publication."""

    record_no: Name
    """The number (document, certificate, case) by which the record is named."""
    catalog: Name
    """The field that names the record's item: title, code or id."""
    begun: Name
    concluded: Name
    conclusion: Name
    suspends: bool
    """Whether the record is not shown while the process is under way."""
    stops: Values
    """Conclusions that end the publication."""
    corrects: Values = ()
    """Conclusions after which the record is not shown until its provider has sent another version."""


class Retired(Model):
    """A field that is no longer collected: its column and what it holds stay in the lake."""

    name: Name
    title: str
    type: str
    until: str
    """The last period that has it."""


class Item(Model):
    """One item of the public credit information catalog (公共信用信息目录)."""

    id: Name
    code: Annotated[str, Key(pattern=r"^XT\d{3}[A-Z]?$")]
    title: str
    english: str
    department: str
    library: str
    category: str
    subject: Subject
    share: Share
    frequency: Frequency
    due: Due = Due()
    legal_basis: tuple[LegalBasis, ...]
    owner: Owner
    provision: Provision
    retention: str
    key: Values
    source_time: Name | None = None
    fields: tuple[Field, ...]
    one_of: tuple[Values, ...] = ()
    rules: tuple[RowRule, ...] = ()
    county: tuple[CountyRule, ...]
    formats: tuple[Format, ...] = ()
    ignore: Values = ()
    rows: RowBounds
    reject_rate: RejectRate = RejectRate()
    checks: tuple[Check, ...] = ()
    delivery: Literal["adds", "replaces"] = "adds"
    """Whether a period's files of a provider add to what it sent before, or are the whole list: what is missing has ended."""
    ends_max: float = Key(0.2, ge=0, le=1)
    """Share of a provider's records that may end from one list to the next without being confirmed."""
    expires: Name | None = None
    """The date field with which a record ends."""
    publicity: Publicity | None = None
    process: Process | None = None
    end: str | None = None
    """The last period for which the item is collected."""
    retired: tuple[Retired, ...] = ()
    sources: tuple[Source, ...] = ()
    """Where the item is fetched from, beside the inbox, which is always looked into."""

    @property
    def kept_fields(self) -> tuple[Field | Retired, ...]:
        """The fields it has, and those it had: each has a column in the lake."""
        return (*self.fields, *self.retired)

    def field(self, name: str) -> Field:
        """The field called `name`; raises KeyError."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def format(self, name: str) -> Format | None:
        """The format called `name`, None for the item's own."""
        return next((fmt for fmt in self.formats if fmt.id == name), None)

    def lacks(self, name: str, fmt: Format | None) -> bool:
        """Whether files of a format (None: the item's own) have no field of this name."""
        only = next((field.only for field in self.fields if field.name == name), None)
        if fmt is None:
            return only is not None
        return name in fmt.absent or only not in (None, fmt.id)

    @property
    def period_months(self) -> int:
        """Months of a collection period: 1, 3 (quarterly), 6 or 12 (yearly)."""
        return PERIOD_MONTHS.get(self.frequency, 1)

    @property
    def cron(self) -> str:
        """When a period is collected: two in the morning of the day after the due day, China time."""
        months = {1: "*", 3: "1,4,7,10", 6: "1,7", 12: "1"}[self.period_months]
        return f"0 2 {self.due.day + 1} {months} *"
