"""Endoscopy and surgery in English: what is seen, where, and which way the scope goes."""

from vidtune.metrics.slots._lexicon import Lexicon

_PAIRS = (
    ("advancing", "withdrawing"),
    ("up", "down"),
    ("left", "right"),
    ("present", "absent"),
    ("visible", "hidden"),
    ("larger", "smaller"),
)

LEXICON = Lexicon(
    parts={
        "scope": ("scope", "endoscope", "colonoscope", "camera"),
        "lesion": ("lesion*", "polyp*", "adenoma*"),
        "mucosa": ("mucosa*", "wall", "fold", "folds"),
        "lumen": ("lumen",),
        "tool": ("tool*", "instrument*", "forceps", "snare*", "catheter*"),
        "fluid": ("fluid*", "water", "blood"),
        "dye": ("dye", "stain*"),
    },
    errors={
        "bleeding": ("bleed*", "haemorrhag*", "hemorrhag*"),
        "perforation": ("perforat*",),
        "occlusion": ("occlu*", "obscur*", "block*", "blurr*"),
        "looping": ("loop*",),
    },
    directions={
        "advancing": ("advanc*", "forward*", "inward*", "insert*"),
        "withdrawing": ("withdraw*", "backward*", "retract*", "pull* back"),
        "up": ("up", "upper", "upward*"),
        "down": ("down", "lower", "downward*"),
        "left": ("left",),
        "right": ("right",),
        "present": ("present", "there is", "there are"),
        "absent": ("absent", "missing"),
        "visible": ("visible", "seen", "clear"),
        "hidden": ("hidden", "invisible"),
        "larger": ("larger", "bigger"),
        "smaller": ("smaller",),
    },
    opposites={**dict(_PAIRS), **{second: first for first, second in _PAIRS}},
    cures={},
    actions={
        "move": ("advance", "withdraw", "move", "push", "pull", "rotate", "turn", "insert", "retract"),
        "clear": ("flush", "rinse", "suction", "aspirate", "clear"),
        "stop": ("stop", "hold", "pause", "wait"),
    },
    action_directions={},
    degrees={"far": "advancing", "large": "larger", "small": "smaller", "high": "up", "low": "down"},
    safety=frozenset({"bleeding", "perforation"}),
)
