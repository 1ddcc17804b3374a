"""The Blind test tab: its layout and events. The handlers are in `voting` and `campaign_results`."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import gradio as gr

from editor.campaigns import Progress, Revealed
from editor.sampling import PAPER_PROMPTS
from editor.ui import voting
from editor.ui.campaign_results import Report, report
from editor.ui.comparing import MOST
from editor.ui.context import Context
from editor.ui.handlers import handler
from editor.ui.lens import arrival, lens, lens_bar
from editor.ui.tables import html_table, sentence
from editor.ui.voting import Ballot, Made

TITLE = "Blind test"
GROUP = "blind"
CHOICES = {
    "left": ("A is better", "1"),
    "right": ("B is better", "2"),
    "neutral": ("No difference", "0"),
    "both_bad": ("Both bad", "9"),
}
CHOSEN = {"left": "A", "right": "B", "neutral": "no difference", "both_bad": "both bad"}
ABOUT = (
    "Two looks for the same words, from two models that are named only after your vote. Votes are stored under a "
    "random number that this browser keeps; no account, no address."
)
NO_CAMPAIGN = "There is no campaign yet. Start the paper's eight prompts, or make your own under New campaign."
OPEN_LINK = "() => { if (window.vibegrade.asked('campaign')) window.vibegrade.openTab('Blind test'); }"
ARRIVE = "() => [window.vibegrade.asked('campaign'), window.vibegrade.visitor()]"
LINK = "(id) => window.vibegrade.link('campaign', id)"
FOCUS_NEXT = "() => setTimeout(() => document.querySelector('#vote-next')?.focus(), 50)"
QUERY_NOTE = "<p>Every number above is worked out from the rows of this query.</p>"


class Page:
    """The tab's components."""

    def __init__(self, context: Context) -> None:
        self.arrival = arrival()
        self.asked, self.visitor, self.showing = (
            gr.Textbox(visible=False, label=name) for name in ("Campaign asked for", "Visitor", "Showing")
        )
        with gr.Row(elem_classes="judge-pick judge-form pick-campaign"):
            self.campaign = gr.Dropdown([], label="Campaign", elem_id="campaign", min_width=220, scale=2)
            self.link = gr.Textbox(
                label="Link to share", interactive=False, buttons=["copy"], elem_id="campaign-link", scale=3
            )
        with gr.Tabs(elem_id="blind-modes", elem_classes="subtabs"):
            with gr.Tab("Vote"):
                self._vote()
            with gr.Tab("Results") as self.results_tab:
                self._results()
            with gr.Tab("New campaign"):
                self._create(context)

    def _vote(self) -> None:
        with gr.Row(elem_classes="judge-row"):
            self.prompt = gr.HTML("", elem_id="vote-prompt", elem_classes="judge-head", apply_default_css=False)
            self.paper = gr.Button(
                "Start the paper's eight prompts",
                visible=False,
                elem_id="paper-campaign",
                variant="primary",
                scale=0,
                min_width=230,
            )
            self.bar = lens_bar(GROUP, elem_classes="judge-bar", min_width=0, scale=0)
        self.lens = lens(GROUP, together=True, elem_id="vote-lens")
        with gr.Row(elem_id="vote-buttons"):
            self.choices = {
                choice: gr.Button(
                    f"{label} ({key})",
                    interactive=False,
                    elem_id=f"vote-{choice}",
                    elem_classes=f"key-{key}",
                    min_width=0,
                )
                for choice, (label, key) in CHOICES.items()
            }
            self.next = gr.Button(
                "Next pair (N)",
                visible=False,
                variant="primary",
                elem_id="vote-next",
                elem_classes="key-n",
                min_width=0,
            )
        self.revealed = gr.HTML("", elem_id="vote-revealed", apply_default_css=False)
        gr.HTML(sentence(ABOUT), elem_classes="judge-note", apply_default_css=False)

    def _results(self) -> None:
        with gr.Row(elem_classes="judge-row"):
            self.refresh = gr.Button("Refresh", scale=0, min_width=90, elem_id="results-refresh")
            labels = ("Table as CSV", "Votes as CSV", "All as JSON")
            self.files = [gr.DownloadButton(label, visible=False, scale=0, min_width=120) for label in labels]
        self.results = gr.HTML("", elem_id="results", apply_default_css=False)
        with gr.Accordion("Where the numbers come from", open=False):
            gr.HTML(QUERY_NOTE, elem_classes="judge-note", apply_default_css=False)
            self.query = gr.Code("", language="sql", interactive=False, show_label=False)

    def _create(self, context: Context) -> None:
        photos = [(s.title or s.name, s.name) for s in context.samples if s.kind == "image"]
        names = list(context.planners)
        with gr.Column(elem_classes="judge-form"):
            with gr.Row():
                self.title = gr.Textbox(label="Title", placeholder="Student against teacher, spring", max_length=200)
                self.minimum = gr.Number(10, label="Votes wanted for each pair", precision=0, minimum=1, min_width=120)
                self.seed = gr.Number(0, label="Seed of the sample", precision=0, min_width=120)
            self.planners = gr.CheckboxGroup(names, value=names[:2], label=f"Planners, two to {MOST}")
            self.prompts = gr.Textbox("\n".join(PAPER_PROMPTS), label="Prompts, one on a line", lines=8, max_lines=20)
            self.pictures = gr.CheckboxGroup(photos, value=[name for _, name in photos], label="Pictures")
            self.uploads = gr.File(
                label="Your own pictures (kept on this server for the voters, without their metadata)",
                file_count="multiple",
                file_types=["image"],
                height=110,
            )
            with gr.Row(elem_classes="judge-row"):
                self.create = gr.Button("Make the campaign", variant="primary", scale=0, min_width=170)
                self.file = gr.UploadButton("Make it from a file", scale=0, min_width=170, file_types=[".jsonl"])
            self.made = gr.HTML("", elem_id="campaign-made", apply_default_css=False)
        self.campaigns = gr.HTML("", elem_id="campaigns", apply_default_css=False)

    @property
    def listed(self) -> list[Any]:
        """What shows which campaigns there are."""
        return [self.campaign, self.campaigns, self.paper]

    @property
    def ballot(self) -> list[Any]:
        """What shows a pair."""
        return [self.showing, self.prompt, self.lens, self.revealed, self.next, *self.choices.values()]


def show_list(found: list[Progress], chosen: str = "") -> list[Any]:
    """The campaigns to choose from; the chosen one, else the newest."""
    choices = [(f"{c.title} · {date.fromtimestamp(c.at / 1000):%d %b %Y}", c.id) for c in found]
    ids = [c.id for c in found]
    value = chosen if chosen in ids else ids[0] if ids else None
    rows = [[c.title, c.pairs, c.votes, c.voters, f"{c.complete} of {c.pairs}", c.minimum_votes] for c in found]
    headers = ["Campaign", "Pairs", "Votes", "Voters", "Pairs with enough votes", "Votes wanted"]
    table = html_table(headers, rows, "Campaigns") if found else sentence(NO_CAMPAIGN)
    return [gr.update(choices=choices, value=value), table, gr.update(visible=not found)]


def show_ballot(ballot: Ballot) -> list[Any]:
    """The pair, its pictures still hidden; or thanks."""
    locked = [gr.update(interactive=False)] * len(CHOICES)
    if not ballot.showing:
        words = sentence(NO_CAMPAIGN)
    if ballot.total and not ballot.showing:
        words = sentence(f"Thank you: you have judged all {ballot.total} pairs of this campaign.", "h2")
    if not ballot.showing:
        return ["", words, gr.update(frames=[], status=" "), "", gr.update(visible=False), *locked]
    said = sentence(f"{ballot.voted + 1} of {ballot.total}") + sentence(f"“{ballot.prompt}”", "h2")
    # The key makes a pair that looks like the last one a new one to the page, which must report it as shown.
    sides = (("A", ballot.left), ("B", ballot.right))
    frames = [{"label": side, "picture": picture, "key": ballot.showing} for side, picture in sides]
    pictures = gr.update(frames=frames, before=ballot.original, status="")
    return [ballot.showing, said, pictures, "", gr.update(visible=False), *locked]


def show_revealed(revealed: Revealed) -> list[Any]:
    """The models' names, once the vote is stored."""
    words = f"A is {revealed.left}, B is {revealed.right}. You chose {CHOSEN[revealed.choice]}."
    said = f'<div role="status">{sentence(words)}</div>'
    return [said, gr.update(visible=True), *[gr.update(interactive=False)] * len(CHOICES)]


def show_report(found: Report) -> list[Any]:
    """The results and their files."""
    files = [gr.update(value=path, visible=True) for path in found.files] or [gr.update(visible=False)] * 3
    return [found.html, found.query, *files]


def build(context: Context) -> None:
    """The tab's content, inside a `gr.Tab` of a running `gr.Blocks`."""
    if context.store is None:
        gr.HTML(sentence(voting.NO_STORE), elem_classes="judge-text", apply_default_css=False)
        return
    page = Page(context)
    _voting_events(context, page)
    _result_events(context, page)
    _campaign_events(context, page)


def _voting_events(context: Context, page: Page) -> None:
    gr.on(None, None, None, None, js=OPEN_LINK, api_visibility="private", show_progress="hidden")

    def arrive(context: Context, asked: str, visitor: str) -> list[Any]:
        """Campaigns to choose from when the tab is opened; `asked` is the link's campaign."""
        return [*show_list(voting.all_campaigns(context), asked), visitor]

    page.arrival.arrived(
        handler(arrive, context),
        [page.asked, page.visitor],
        [*page.listed, page.visitor],
        js=ARRIVE,
        api_name="campaigns",
        show_progress="hidden",
    )
    page.campaign.change(None, page.campaign, page.link, js=LINK, api_visibility="private", show_progress="hidden")
    pair: dict[str, Any] = {
        "fn": handler(voting.next_pair, context, show=show_ballot),
        "inputs": [page.campaign, page.visitor],
        "outputs": page.ballot,
        "show_progress": "hidden",
        "concurrency_limit": 8,
    }
    page.next.click(**pair, api_name="next_pair")
    page.campaign.change(**pair, api_visibility="private")
    page.lens.shown(
        handler(voting.pictures_loaded, context, show=lambda _: [gr.update(interactive=True)] * len(CHOICES)),
        [page.showing, page.visitor],
        list(page.choices.values()),
        api_name="pictures_loaded",
        show_progress="hidden",
        concurrency_limit=20,
    )
    for choice, button in page.choices.items():
        name: dict[str, Any] = {"api_name": "vote"} if choice == "left" else {"api_visibility": "private"}
        button.click(
            handler(voting.vote, context, show=show_revealed),
            [gr.Textbox(choice, visible=False, label="Choice"), page.showing, page.visitor],
            [page.revealed, page.next, *page.choices.values()],
            show_progress="hidden",
            concurrency_id="vote",
            concurrency_limit=20,
            **name,
        ).success(None, js=FOCUS_NEXT, api_visibility="private")


def _result_events(context: Context, page: Page) -> None:
    outputs = [page.results, page.query, *page.files]
    show = handler(report, context, show=show_report)
    common: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": page.results, "concurrency_limit": 2}
    page.refresh.click(show, page.campaign, outputs, api_name="campaign_results", **common)
    page.results_tab.select(show, page.campaign, outputs, api_visibility="private", **common)


def _campaign_events(context: Context, page: Page) -> None:
    def show_made(made: Made | str) -> list[Any]:
        """The progress, then the new campaign in the list."""
        if isinstance(made, Made) and not made.id:
            return [f'<p role="status">{made.done} of {made.total} prompts answered</p>', *[gr.skip()] * 3]
        new = made.id if isinstance(made, Made) else made
        said = '<p role="status">The campaign is there: send its link to the voters.</p>'
        return [said, *show_list(voting.all_campaigns(context), new)]

    outputs = [page.made, *page.listed]
    making = partial(handler, context=context, show=show_made)
    common: dict[str, Any] = {"show_progress": "hidden", "concurrency_id": "make", "concurrency_limit": 2}
    settings = [page.minimum, page.seed]
    page.create.click(
        making(voting.create),
        [page.title, page.prompts, page.pictures, page.uploads, page.planners, *settings],
        outputs,
        api_name="create_campaign",
        **common,
    )
    page.file.upload(
        making(voting.create_from_file),
        [page.file, page.title, *settings],
        outputs,
        api_name="create_campaign_from_file",
        **common,
    )
    page.paper.click(making(voting.create_paper_campaign), None, outputs, api_name="create_paper_campaign", **common)
