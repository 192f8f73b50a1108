"""In which language a text is, as far as its script and its small words tell."""

from __future__ import annotations

import re
from collections import Counter

# Small words that are frequent in a language; one may stand in several.
_SMALL_WORDS = {
    "English": "the of and is what which how does are with for that from this was were by who in",
    "German": "der die das und ist wie was welche wird nicht mit für auf eine einem zur bei wer in",
    "French": "le la les des et est quel quelle dans pour une avec sur qui sont comment de du en",
    "Spanish": "el la los las y qué cuál cómo por una con de del es en para son se como al quién",
    "Italian": "il la gli che di è della nel per sono quale come dei alla una con cosa quali si in",
    "Portuguese": "o a os as e é qual como para uma com não de do da dos das são quem em que",
    "Dutch": "de het een van en is welke hoe voor met niet worden zijn op wat bij wie deze in die",
    "Polish": "i w na z jest jak co się nie do oraz czy który jakie są dla przez",
    "Swedish": "och är vad hur som för att det en med av inte vilka på till i",
    "Turkish": "ve bir bu için nasıl nedir ile hangi olan ne mi de",
}
_LANGUAGES_OF = {
    word: [language for language, words in _SMALL_WORDS.items() if word in words.split()]
    for word in {word for words in _SMALL_WORDS.values() for word in words.split()}
}
_SCRIPTS = {
    "Latin": r"A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "Greek": r"\u0370-\u03ff",
    "Cyrillic": r"\u0400-\u052f",
    "Hebrew": r"\u0590-\u05ff",
    "Arabic": r"\u0600-\u06ff\u0750-\u077f",
    "Devanagari": r"\u0900-\u097f",
    "Bengali": r"\u0980-\u09ff",
    "Tamil": r"\u0b80-\u0bff",
    "Thai": r"\u0e00-\u0e7f",
    "kana": r"\u3040-\u30ff",
    "Chinese": r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Hangul": r"\uac00-\ud7af\u1100-\u11ff",
}
_PATTERNS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST = 4000
_CLEAR = 2
_NAMES_SHARE = 20


def other_language(text: str, reference: str) -> str | None:
    """Tell what is wrong with the language of a short text, beside a text that it belongs to.

    It is found out only where it is plain: from the script, and for ten European languages
    from their small words. In doubt nothing is wrong: names and terms of another language
    stand in any text.

    Returns:
        One clause, or None.

    Example:
        >>> other_language("Wie ist das Wetter?", "The weather is fine and the sky is blue.")
        'it is in German, the document in English'
        >>> other_language("天空为什么是蓝色的", "The sky is blue.")
        'it is written in Chinese, the document in Latin script'
        >>> other_language("COX-2 inhibition", "Le rôle de la COX-2 dans les tissus.") is None
        True
    """
    reference = reference[:_LONGEST]
    scripts, own_scripts = _scripts(text), _scripts(reference)
    language = language_of(text)
    if scripts and own_scripts:
        (script, _), (own, _) = scripts.most_common(1)[0], own_scripts.most_common(1)[0]
        # A query may be all names, in whose script the document has them too; but a sentence in
        # a language of its own is no name.
        named = own_scripts[script] * _NAMES_SHARE > own_scripts.total() and language is None
        if script != own and not named and {script, own} != {"kana", "Chinese"}:
            return f"it is written in {script}, the document in {own} script"
    own_language = language_of(reference)
    if language and own_language and language != own_language:
        return f"it is in {language}, the document in {own_language}"
    return None


def language_of(text: str) -> str | None:
    """Return which of ten European languages a text is in, or None where that is not plain.

    Example:
        >>> language_of("Wie ist das Wetter?"), language_of("COX-2 inhibition")
        ('German', None)
    """
    found = Counter(
        language
        for word in _WORD.findall(text.casefold())
        for language in _LANGUAGES_OF.get(word, ())
    )
    first, second = [*found.most_common(2), ("", 0), ("", 0)][:2]
    return first[0] if first[1] >= _CLEAR * max(second[1], 1) else None


def _scripts(text: str) -> Counter[str]:
    counts = {name: len(pattern.findall(text)) for name, pattern in _PATTERNS.items()}
    return Counter({name: count for name, count in counts.items() if count})
