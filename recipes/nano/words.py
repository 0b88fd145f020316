"""Ordinary English for the tokenizer: words that people who watch bodies move are likely to write.

The tokenizer splits what it has never seen into letters; these words make new sentences short. They are
single words, mixed at random into nonsense: no sentence of any data set is in here.
"""

from __future__ import annotations

import numpy as np

WORDS = """
the a an and or but if when while then than that this these those there here with without within into onto from for
of to in on at by as is are was be been being has have had do does did not no yes you your they their them he his
she her it its we our user person someone body who what which where how why good great nice well done correct
correctly right left wrong fine excellent perfect better best poor weak strong proper properly almost nearly mostly
keep hold holds holding held lift lifts lifting lifted raise raises raising lower lowers lowering lowered bend bends
bending bent straighten straight straightens straightening extend extends extended extending extension flex flexed
flexing stretch stretches stretched stretching reach reaches reaching push pushes pushing pushed pull pulls pulling
press presses pressing squeeze squeezing drop drops dropping dropped sink sinks sinking sag sags sagging rise rises
rising come comes coming go goes going move moves moving moved movement movements motion motions turn turns turning
turned rotate rotates rotating rotation twist twists twisting tilt tilts tilted tilting lean leans leaning shift
shifts shifting swing swings walk walks walking step steps stepping stand stands standing sit sits sitting kneel
kneeling lie lies lying rest rests resting return returns returning start starts starting stop stops stopping begin
begins end ends finish repeat repeats continue control controlled controlling balance balanced stable stability
steady support supporting engage engaging tighten relax relaxed tense breathe breath avoid avoids avoiding allow
allowing let lets letting make makes making try tries trying focus focusing ensure should could would can cannot
need needs needed must may might show shows shown showing look looks looking watch maintain maintains maintaining
perform performs performing performed exercise exercises form posture position positions alignment aligned align
line technique range full partial complete completed incomplete depth deep deeper shallow high higher low lower up
upward upwards down downward downwards forward forwards backward backwards inward inwards outward outwards sideways
side sides front back behind above below under over across between through around toward towards away near far close
closer apart together wide wider narrow narrower parallel level flat even uneven evenly equal symmetric asymmetric
same different both each other another one two three four five first second third last next once twice again more
most less least enough too much many few little bit slightly slight small large big long short slow slower slowly
fast faster quick quickly smooth smoothly jerky rushed rush pace tempo speed rhythm time times count rep reps set
sets seconds during before after until always never often sometimes head neck chin face eyes chest shoulder
shoulders arm arms elbow elbows forearm forearms wrist wrists hand hands palm palms finger fingers back spine upper
lower middle trunk torso core belly stomach abs waist hip hips pelvis buttocks leg legs thigh thighs knee knees shin
calf calves ankle ankles foot feet heel heels toe toes muscle muscles joint joints weight floor ground mat wall
ceiling surface air collapse collapses collapsing cave caves caving round rounds rounded rounding arch arches arched
arching hunch hunched drift drifts lock locked locking flare flaring wobble wobbles shake shaking bounce bouncing
jump tuck tucked open opens opening closed point points pointing cross crossed crossing loose tight heavy light soft
hard gentle gently careful carefully natural neutral comfortable safe safer pain injury strain tired effort power
attention mistake mistakes error errors issue issues problem problems fix correction improve improves improving
improvement feedback advice tip job helps help keeps causes because so instead rather just only also still yet
already very quite really all every any some none nothing anything whole half quarter part parts way degree degrees
angle angles centre center top bottom tip edge base outside inside video clip frame camera view scene room person
man woman people wears wearing shirt trousers shoes hair red green blue yellow orange purple pink brown black white
grey teal navy maroon olive beige cream cyan dark bright pale light colour color light alternate alternating
alternately opposite single double sequence cycle visible seen clear clearly shown appears appear seems seem
detected detail note notice overall general main possible likely sure true false
""".split()


def word_salad(rng: np.random.Generator, num_lines: int) -> list[str]:
    """Return lines of 4 to 14 random words, sometimes capitalised, hyphenated or with commas."""
    lines = []
    for _ in range(num_lines):
        words = [WORDS[int(index)] for index in rng.integers(len(WORDS), size=int(rng.integers(4, 15)))]
        first, second = " ".join(words[:3]), " ".join(words[3:])
        joint = str(rng.choice([" ", " ", ", ", " - ", ". ", "; "]))
        text = first + joint + (second.capitalize() if joint == ". " else second)
        lines.append(
            (text[:1].upper() + text[1:] if rng.random() < 0.6 else text) + str(rng.choice(["", ".", "?", "!"]))
        )
    return lines
