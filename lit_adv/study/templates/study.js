// Shows a group's pictures to one subject with jsPsych. The page's address names both: ?group=2&subject=S07
"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const query = new URLSearchParams(location.search);
const subject = query.get("subject") ?? "";
const group = Number(query.get("group") ?? 1);
const place = `lit-adv/${study.id}/${group}/${subject}`;

const show = (id) => (document.getElementById(id).hidden = false);

function stored() {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "[]");
  } catch {
    return [];
  }
}

function store(answers) {
  try {
    localStorage.setItem(place, JSON.stringify(answers));
  } catch {
    show("no-storage");
  }
}

function save(answers) {
  const link = document.createElement("a");
  const content = JSON.stringify({ study: study.id, group, subject, answers }, null, 2);
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = `${study.id}-group${group}-${subject}.json`;
  link.click();
}

function button(key, text) {
  return `<button class="jspsych-btn" data-key="${key}"><kbd>${key}</kbd> ${text === key ? "" : text}</button>`;
}

function trial(picture, answers) {
  const names = study.choices[picture]?.map((number) => study.classes[number]) ?? study.classes;
  return {
    type: jsPsychHtmlButtonResponse,
    stimulus: `<img class="picture" alt="" src="images/${picture}">`,
    choices: names,
    button_html: (name, position) => button(study.ownKeys ? name : study.keys[position], name),
    grid_rows: null,
    grid_columns: Math.min(5, names.length),
    post_trial_gap: 300, // a double click answers one picture
    on_finish: ({ response, rt }) => {
      answers.push({ picture, choice: names[response], rt });
      store(answers);
    },
  };
}

async function run(pictures) {
  const answers = stored();
  const answered = new Set(answers.map(({ picture }) => picture));
  if (answers.length < pictures.length) {
    store(answers);
    const jsPsych = initJsPsych({
      display_element: "trials",
      show_progress_bar: true,
      auto_update_progress_bar: false,
      message_progress_bar: (progress) => `${Math.round(progress * pictures.length)} of ${pictures.length}`,
      on_trial_start: () => (jsPsych.progressBar.progress = answers.length / pictures.length),
    });
    jsPsych.randomization.setSeed(place);
    const left = jsPsych.randomization.shuffle(pictures).filter((picture) => !answered.has(picture));
    await jsPsych.run([
      {
        type: jsPsychPreload,
        images: left.map((picture) => `images/${picture}`),
        error_message: "A picture could not be loaded. Please reload the page.",
      },
      {
        type: jsPsychHtmlButtonResponse,
        stimulus: `<section>${document.getElementById("task").outerHTML}
          <p>Subject ${subject}, group ${group}: ${left.length} pictures.</p></section>`,
        choices: [answers.length ? "Continue" : "Start"],
        button_html: (text) => button("Enter", text),
      },
      ...left.map((picture) => trial(picture, answers)),
    ]);
    document.getElementById("trials").replaceChildren();
    save(answers);
  }
  document.getElementById("save").onclick = () => save(answers);
  show("end");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  document.querySelector(`#trials [data-key="${CSS.escape(key)}"]`)?.click();
});

if (!window.initJsPsych || !window.jsPsychHtmlButtonResponse || !window.jsPsychPreload) {
  show("no-jspsych");
} else if (study.groups[group - 1] && /^[\w-]{1,32}$/.test(subject)) {
  run(study.groups[group - 1]);
} else {
  const form = document.querySelector("#start form");
  form.subject.value = Math.random().toString(36).slice(2, 8);
  if (study.groups[group - 1]) form.group.value = group;
  show("start");
}
