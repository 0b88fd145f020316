"""Write a small file in the published schema of every benchmark. Nothing in them is from the benchmarks themselves.

``python tests/data/benchmarks/make_fixtures.py`` writes them beside this script; the same script, the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

CAPTIONS = {
    "video0": ["a man slices bread", "someone cuts a loaf of bread", "bread is being sliced"],
    "video1": ["two dogs run in the snow", "dogs chase each other", "dogs play in snow"],
    "video2": ["a woman sings on a stage", "a singer performs for a crowd", "a woman is singing"],
    "video3": ["a boy kicks a red ball", "a child plays football", "a boy is kicking a ball"],
}
SPLITS = ("train", "train", "validate", "test")


def main() -> None:
    """Write all of them."""
    for name, content in all_files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        )


def all_files() -> dict[str, Any]:
    """Return text, or JSON values, by file name."""
    return {
        "qved/qved_test.json": _qved(),
        "sharegpt/sharegpt.json": _sharegpt(),
        "messages/messages.jsonl": _lines(_messages()),
        "qevd/fine_grained_labels.json": _fine_grained(),
        "qevd/feedbacks_short_clips.json": _short_clips(),
        "qevd/feedbacks_long_range.json": _long_range(),
        "surgvivqa/in_template.jsonl": _lines(_surgvivqa("Is the scope moving?", "Which way does the scope move?")),
        "surgvivqa/out_template.jsonl": _lines(_surgvivqa("Does the endoscope move?", "Where to is the scope moved?")),
        "msr_vtt/MSRVTT_data.json": _msr_vtt(),
        "msr_vtt/MSRVTT_JSFUSION_test.csv": "key,vid_key,video_id,sentence\n"
        + "".join(f"ret{n},msr{n},{video},{texts[n % 3]}\n" for n, (video, texts) in enumerate(CAPTIONS.items())),
        "msr_vtt/MSRVTT_train.9k.csv": "video_id\nvideo0\nvideo1\nvideo2\n",
        "msr_vtt/MSRVTT_train.7k.csv": "video_id\nvideo0\nvideo1\n",
        "vatex/vatex_validation_v1.0.json": _vatex(),
        "vatex/hgr_test.txt": "".join(f"abcdefghij{n}_000002_000012\n" for n in (1, 3)),
        "activitynet/val_1.json": _activitynet(0.0),
        "activitynet/val_2.json": _activitynet(1.0),
        "lsmdc/LSMDC16_challenge_1000_publictect.csv": _lsmdc(),
        "longvideobench/lvb_val.json": _longvideobench(),
        "longvideobench/lvb_table.json": [_as_table(record) for record in _longvideobench()],
        "longvideobench/lvb_test_wo_gt.json": [
            _without(record, "correct_choice", "position") for record in _longvideobench()
        ],
        "longvideobench/subtitles/aa0_en.json": [
            {"start": "00:00:01.000", "end": "00:00:03.000", "line": "Welcome to the harbour."},
            {"start": "00:00:10.000", "end": "00:00:12.500", "line": "Now we are at the market."},
        ],
        "video_mme/video_mme.json": _video_mme(),
        "video_mme/output_test_template.json": _nested(_video_mme()),
        "video_mme/subtitle/vidA0000000.srt": (
            "1\n00:00:01,000 --> 00:00:03,500\nGood <i>morning</i>.\n\n"
            "2\n00:00:10,000 --> 00:00:12,000\nTwo lines\nof speech.\n"
        ),
        "mlvu/1_plotQA.json": _mlvu("plotQA", 3),
        "mlvu/2_needle.json": _mlvu("needle", 1),
        "mlvu/9_summary.json": [
            {
                "video": "s1.mp4",
                "duration": 300,
                "question": "Sum up the video.",
                "answer": "A day in town.",
                "question_type": "summary",
            }
        ],
        "mlvu/test_mcq.json": _mlvu_test(),
        "egoschema/questions.json": _egoschema(),
        "egoschema/subset_answers.json": {"uid-0": 1, "uid-1": 4},
        "egoschema/egoschema_hf.json": _egoschema_hf(),
        "next_qa/val.csv": _next_qa(),
        "next_qa/open_val.csv": _next_qa_open(),
        "msrvtt_qa/test_qa.json": _msrvtt_qa(),
        "table/clips.csv": 'video,question,answer,label,note\nsquats/1.mp4,How is it?,good depth,squats,"a, b"\n'
        "squats/2.mp4,,shallow,squats,\n",
        "table/semicolons.csv": "video;question;answer\nsquats/1.mp4;How is it?;good, deep\n",
        "table/tabs.tsv": "video\tquestion\tanswer\nsquats/1.mp4\tHow is it?\tgood; deep\n",
        "plain/questions.jsonl": '{"video": "squats/1.mp4", "question": "How is it?", "answer": "good", "at": [1.5]}\n'
        '{"video": "squats/2.mp4", "answer": "shallow", "id": 7, "label": "squats", "question": null}\n',
        "plain/choices.json": [
            {"video": "a.mp4", "question": "What is thrown?", "options": ["a ball", "a hat", "a dog"], "answer": "B"},
            {"video": "b.mp4", "question": "Who speaks?", "options": ["a man", "a woman"], "answer": "a woman"},
        ],
        "table/choices.csv": "id,video,question,options,answer\nq1,a.mp4,What is thrown?,a ball|a hat|a dog,B\n"
        "q2,b.mp4,Who speaks?,a man|a woman,a woman\n",
    }


def _lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def _qved() -> list[dict[str, Any]]:
    said = ["squats - Knees cave inwards; push them outwards.", "cat-cow pose - Good, smooth movement."]
    turns = [
        [{"from": "human", "value": "Please evaluate the exercise form shown."}, {"from": "gpt", "value": text}]
        for text in said
    ]
    return [
        {"video": "squats/00000001.mp4", "conversations": turns[0], "split": "test"},
        {"video": ["cat-cow_pose/00000002.mp4"], "conversations": turns[1], "split": "test", "id": "second"},
    ]


def _sharegpt() -> list[dict[str, Any]]:
    return [
        {
            "conversations": [
                {"from": "human", "value": f"<video>What happens ({n})?"},
                {"from": "gpt", "value": "A man runs."},
            ],
            "videos": [f"clip{n}.mp4"],
            "system": "You are terse.",
        }
        for n in range(2)
    ]


def _messages() -> list[dict[str, Any]]:
    return [
        {
            "messages": [{"role": "user", "content": "<video>What is it?"}, {"role": "assistant", "content": "A run."}],
            "videos": ["a.mp4"],
        },
        {
            "messages": [
                {"role": "user", "content": "<video><audio>What is asked?"},
                {"role": "assistant", "content": "The time."},
            ],
            "videos": ["b.mp4"],
            "audios": ["b.wav"],
        },
    ]


def _fine_grained() -> list[dict[str, Any]]:
    return [
        {
            "video_path": "./00002012.mp4",
            "labels": ["squats - knees in"],
            "labels_descriptive": ["squats - Your knees cave in."],
        },
        {"video_path": "./00002013.mp4", "labels": ["tricep stretch (right arm) - holding"], "labels_descriptive": []},
        {"video_path": "./00002014.mp4", "labels": [], "labels_descriptive": "pushups - Go lower."},
    ]


def _short_clips() -> list[dict[str, Any]]:
    return [{"video_path": "./00002012.mp4", "feedbacks": ["Push your knees out.", "Knees over toes."]}]


def _long_range() -> list[dict[str, Any]]:
    spoken = [
        "",
        "First up are squats!",
        "First up are squats!",
        "",
        "Sit deeper.",
        "",
        "Moving on to armcrosschest!",
        "Nice.",
    ]
    return [
        {
            "long_range_video_file": f"videos/000{n}.mp4",
            "video_timestamps": f"timestamps/000{n}.npy",
            "feedbacks": spoken,
            "feedback_timestamps": [0.5, 6.0, 30.0, 36.0],
            "is_transition": [True, False, True, False],
        }
        for n in range(2)
    ]


def _surgvivqa(moving: str, direction: str) -> list[dict[str, Any]]:
    records = []
    for number in range(8):
        video = "002-006" if number % 2 else "002-001"
        frames = list(range(1000 + 32 * number, 1032 + 32 * number, 4))
        is_motion = number % 4 < 2
        answer = ("yes", "no")[number // 4] if is_motion else ("advancing", "withdrawing")[number // 4]
        records.append(
            {
                "id": f"qa_{number:06}",
                "video_id": video,
                "frames": [f"{video}_{frame}" for frame in frames],
                "frame_numbers": frames,
                "question": moving if is_motion else direction,
                "question_type": "scope_motion" if is_motion else "scope_motion_type",
                "support_frames": 8,
                "total_frames": 8,
                "support_ratio": 1.0,
                "support_percentage": 100.0,
                "answer": f"The answer is {answer}, as the frames show.",
                "short_answer": answer,
            }
        )
    return records


def _msr_vtt() -> dict[str, Any]:
    videos = [
        {"video_id": video, "category": n, "url": "", "start time": 1.0, "end time": 11.0, "split": SPLITS[n], "id": n}
        for n, video in enumerate(CAPTIONS)
    ]
    sentences = [
        {"sen_id": 3 * n + k, "video_id": video, "caption": text}
        for n, (video, texts) in enumerate(CAPTIONS.items())
        for k, text in enumerate(texts)
    ]
    return {"info": {"version": "fixture"}, "videos": videos, "sentences": sentences}


def _vatex() -> list[dict[str, Any]]:
    return [
        {
            "videoID": f"abcdefghij{n}_000002_000012",
            "enCap": [f"{text} {k}" for k in range(4) for text in texts][:10],
            "chCap": ["一个人"] * 10,
        }
        for n, texts in enumerate(CAPTIONS.values())
    ]


def _activitynet(shift: float) -> dict[str, Any]:
    return {
        f"v_fixture{n:04}": {
            "duration": 60.0,
            "timestamps": [[0.0, 20.0 + shift], [20.0, 45.0 - shift], [58.0, 46.0]],
            "sentences": [f"{texts[0].capitalize()}.", f" {texts[1].capitalize()}.", "The film ends."],
        }
        for n, texts in enumerate(CAPTIONS.values())
    }


def _lsmdc() -> str:
    rows = []
    for n, texts in enumerate(CAPTIONS.values()):
        film = ("1001_Fixture_Film", "1002_Other_Film")[n % 2]
        begin, end = f"00.0{n}.51.926", f"00.0{n}.54.129"
        times = [time.replace(".", ":", 2) for time in (begin, end, begin, end)]
        rows.append("\t".join([f"{film}_{begin}-{end}", *times, f'{texts[0].capitalize()}, "quietly".']))
    return "\n".join(rows) + "\n"


def _longvideobench() -> list[dict[str, Any]]:
    return [
        {
            "id": f"aa{n}_0",
            "video_id": f"aa{n}",
            "video_path": f"aa{n}.mp4",
            "subtitle_path": f"aa{n}_en.json",
            "question": "Which thing appears for a moment?",
            "question_wo_referring_query": "Which thing appears?",
            "candidates": ["a star", "a ring", "a cross", "a disc", "an arrow"][: 5 - n % 2],
            "correct_choice": n,
            "position": [24, 80 + n],
            "topic_category": "NP-News-Programs",
            "question_category": ("T2E", "S2A", "E3E", "T2E")[n],
            "level": ("L1-Perception", "L2-Relation")[n % 2],
            "duration_group": (15, 60, 600, 3600)[n],
            "duration": (12.0, 50.0, 500.0, 3000.0)[n],
            "starting_timestamp_for_subtitles": 0.0,
            "view_count": 7,
        }
        for n in range(4)
    ]


def _as_table(record: dict[str, Any]) -> dict[str, Any]:
    options = [*record["candidates"], "N/A"][:5]
    return {**_without(record, "candidates"), **{f"option{n}": text for n, text in enumerate(options)}}


def _video_mme() -> list[dict[str, Any]]:
    return [
        {
            "video_id": f"00{n // 2}",
            "duration": ("short", "long")[n // 2],
            "domain": "Knowledge",
            "sub_category": "Geography",
            "url": "",
            "videoID": f"vidA000000{n // 2}",
            "question_id": f"00{n // 2}-{n % 2 + 1}",
            "task_type": ("Counting Problem", "Object Recognition")[n % 2],
            "question": "How many birds are there?",
            "options": ["A. One.", "B. Two.", "C. Three.", "D. None."],
            "answer": "ABCD"[n],
        }
        for n in range(4)
    ]


def _nested(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    videos: dict[str, dict[str, Any]] = {}
    for record in records:
        shared = {key: record[key] for key in ("video_id", "duration", "domain", "sub_category")}
        video = videos.setdefault(record["video_id"], {**shared, "questions": []})
        inner = {key: record[key] for key in ("question_id", "task_type", "question", "options", "answer")}
        video["questions"].append({**inner, "response": ""})
    return list(videos.values())


def _mlvu(task: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "video": f"{task}_{n}.mp4",
            "duration": 400 + n,
            "question": f"What colour is the coat ({n})?",
            "candidates": ["Yellow", "Red", "Blue", "Green"],
            "answer": ("Yellow", "Red", "Blue")[n],
            "question_type": task,
        }
        for n in range(count)
    ]


def _mlvu_test() -> list[dict[str, Any]]:
    return [
        {
            "video": f"test_{n}.mp4",
            "duration": 700,
            "question": "Who wins?",
            "candidates": ["Ann", "Bob", "Cid", "Dan", "Eve", "Fay"],
            "question_type": ("sportsQA", "tutorialQA")[n % 2],
            "question_id": f"t{n}",
            "answer": ("Fay", "Eve", "Ann")[n],
        }
        for n in range(3)
    ]


def _egoschema() -> list[dict[str, Any]]:
    return [
        {
            "q_uid": f"uid-{n}",
            "google_drive_id": "x",
            "question": "What does C aim at?",
            **{f"option {k}": f"C does thing {k}" for k in range(5)},
        }
        for n in range(3)
    ]


def _egoschema_hf() -> list[dict[str, Any]]:
    return [
        {
            "question_idx": str(n),
            "question": "What does C do?",
            "video_idx": f"uid-{n}",
            "option": [f"{letter}. thing {letter}" for letter in "ABCDE"],
            "answer": str(n),
        }
        for n in range(2)
    ]


def _next_qa() -> str:
    head = "video,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4\n"
    rows = [
        f'40{n},500,640,480,why did the boy smile,{n},{n},{kind},to win,he fell,a joke,a gift,"tired, maybe"\n'
        for n, kind in enumerate(("CW", "TN", "DC", "CH"))
    ]
    return head + "".join(rows)


def _next_qa_open() -> str:
    head = "video,frame_count,width,height,question,answer,qid,type,additional_ref_answer\n"
    rows = [
        f"50{n},500,640,480,what is on the table,{answer},{n},DO,{other}\n"
        for n, (answer, other) in enumerate((("dog", ""), ("red cup", "mug"), ("bread", "")))
    ]
    return head + "".join(rows)


def _msrvtt_qa() -> list[dict[str, Any]]:
    rows = [("couch", "what are people sitting on?"), ("man", "who is speaking?"), ("two", "how many dogs are there?")]
    return [
        {"answer": answer, "category_id": n, "id": 158581 + n, "question": question, "video_id": 7010 + n // 2}
        for n, (answer, question) in enumerate(rows)
    ]


if __name__ == "__main__":
    main()
