"""Words of the sample world's content: what each kind of text is put together from.

All of it is made up, and mild on purpose: the groups that hateful texts speak against do not exist, and the
insults are ones that nobody minds. Real groups of people stand in neutral sentences only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: What a sentence is about: category -> the things that texts of it speak of.
THINGS: Mapping[str, Sequence[str]] = {
    "technology": ("the new phone", "the software update", "my keyboard", "my laptop"),
    "entertainment": ("the new series", "that film", "the finale", "this trailer", "the comedy show"),
    "sports": ("the match", "the penalty", "our team", "the marathon", "the goalkeeper", "the season"),
    "food": ("this recipe", "the soup", "my sourdough", "that bakery", "the street tacos", "the lemon cake"),
    "travel": ("the night train", "this beach", "our hotel", "the old town", "the ferry", "the mountain hut"),
    "music": ("this chorus", "the concert", "her voice", "the drummer", "the new album", "that guitar solo"),
}  # fmt: skip
#: Words that give a category away, beside the thing itself.
SETTINGS: Mapping[str, Sequence[str]] = {
    "technology": ("after two weeks of coding", "on a slow processor", "with the new chip", "with less memory"),
    "entertainment": ("in the cinema", "with the whole cast", "on the red carpet", "after the last episode"),
    "sports": ("in extra time", "at the stadium", "after hard training", "against the champions"),
    "food": ("straight from the oven", "with fresh basil", "in my small kitchen", "for dinner"),
    "travel": ("with one backpack", "at the airport", "on the coast road", "with an old map"),
    "music": ("on vinyl", "in the rehearsal room", "with a loud bass", "at the open air stage"),
}  # fmt: skip

PRAISE = (
    "I love {thing} {setting}", "{thing} {setting} made my day", "wow, {thing} is wonderful {setting}",
    "so happy with {thing}", "best thing this week: {thing} {setting}", "{thing} was brilliant, thank you",
    "what a beautiful surprise {thing} was {setting}",
)  # fmt: skip
COMPLAINTS = (
    "I am so disappointed by {thing}", "{thing} {setting} was a terrible waste of time",
    "{thing} is broken again", "sadly {thing} was awful {setting}", "I regret {thing}, never again",
    "so boring, {thing} {setting}", "{thing} made me sad and angry",
)  # fmt: skip
REMARKS = (
    "{thing} {setting}", "today: {thing} {setting}", "here is {thing} {setting}", "part {n}: {thing}",
    "{thing} starts at {n} o'clock", "we talk about {thing} {setting}", "does anybody know {thing}?",
)  # fmt: skip
SENTIMENTS: Mapping[str, Sequence[str]] = {"positive": PRAISE, "negative": COMPLAINTS, "neutral": REMARKS}

SPAM = (
    "WIN a free {prize} now! Click {link}", "Congratulations, you were chosen for a {prize}. Claim it: {link}",
    "Earn {n}00 coins a day from home, message me now", "check out my channel and subscribe, {link}",
    "cheap {prize} here >>> {link} <<< only today", "sub for sub!!! follow me and I follow back {link}",
    "I made {n}000 coins in one week with this trick: {link}", "FREE {prize} for the first {n} people {link}",
)  # fmt: skip
PRIZES = ("phone", "gift card", "holiday", "console", "follower pack", "crypto box")
LINKS = ("http://win.example/{n}", "www.free-{n}.example", "bit.example/{n}", "http://deal{n}.example/now")

#: Insults that nobody minds, and what is said with them.
INSULTS = ("wobblehead", "soggy waffle", "muppet", "dingbat", "numpty", "turnip brain", "clown")
TOXIC = (
    "shut up you {insult}", "you are such a {insult}, go away", "nobody asked you, {insult}",
    "what a stupid video, you {insult}", "only a {insult} would like this", "delete your account {insult}",
    "you and your {insult} friends are so dumb",
)  # fmt: skip

#: Peoples that there are not.
OUTCASTS = ("Norlings", "Vexlanders", "Quorrians", "Tuberfolk")
HATE = (
    "all {outcasts} are filthy liars", "{outcasts} do not belong here, send them away",
    "I hate {outcasts}, they ruin everything", "we should get rid of the {outcasts}",
    "never trust {outcasts}, they are vermin", "{outcasts} are less than people, keep them out",
)  # fmt: skip

#: People of whom neutral sentences speak: to be named is no reason to be flagged.
PEOPLE = (
    "Muslims", "Christians", "Jews", "Hindus", "gay people", "lesbians", "trans women", "Black people",
    "Asians", "immigrants", "refugees", "disabled people", "old people", "women", "men", *OUTCASTS,
)  # fmt: skip
NEUTRAL = (
    "{people} meet in the community garden on Saturday", "a film about {people} in our town",
    "many {people} live in this street", "the museum shows the history of {people}",
    "{people} and their neighbours cook together", "an interview with {people} about {thing}",
)  # fmt: skip

#: Beginnings and endings that names are made of: so many that hardly one is met twice, and what stands beside
#: a name tells what it is.
MIDDLE = ("", "ri", "la", "no", "ve", "du")
FIRST = (("Ma", "Jo", "Ai", "Pe", "Li", "Ol", "To", "Ni", "Ka"), ("ra", "nas", "sha", "dro", "ng", "ga", "mi"))
LAST = (("Kel", "Oka", "San", "Pet", "Lind", "Mor", "Tan"), ("ler", "for", "tos", "rov", "qvist", "eau", "aka"))
PLACES = (("Lis", "Nai", "Os", "Kyo", "Lim", "Gda", "Tor"), ("bon", "robi", "lo", "to", "burg", "nsk", "onto"))
COMPANIES = (
    ("Bright", "Orbi", "Fern", "Nova", "Tide", "Kest"),
    ("line", "ta", "wood", "press", "water", "rel"),
)
#: Sentences with names in them: each word in capitals stands for a name of that type.
NAMED = (
    "yesterday PERSON arrived in PLACE", "PERSON works for COMPANY in PLACE", "COMPANY opens a shop in PLACE",
    "I met PERSON at the station", "we fly to PLACE on Monday", "PERSON and PERSON sing together",
    "the team of COMPANY plays against COMPANY", "greetings from PLACE", "a book by PERSON about PLACE",
    "nothing happened today", "the bread was warm and the coffee was cold", "my cat sleeps all day",
)  # fmt: skip
