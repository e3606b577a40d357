"""Just enough of a C++ reader for tools/tidy.py: text without comments and literals, and the
statements that hold a co_await."""

import re

_TOKEN = re.compile(
    r"""(?P<comment>//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/)
      | (?P<raw>(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")
      | (?P<include>^[ \t]*\#[ \t]*include[ \t]*[<"][^>"\n]*[>"])
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>\b[0-9](?:[\w.]|'(?=\w)|(?<=[eEpP])[+-])*)
      | (?P<char>'(?:[^'\\\n]|\\.)+')""",
    re.S | re.X | re.M,
)


def _blank(text, fill=" "):
    return re.sub(r"[^\n]", fill, text)


def without_comments(text):
    """The text with comments blanked; every line keeps its number, literals stay."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m.lastgroup == "comment" else m[0], text)


def code_only(text):
    """The text with comments and the insides of literals blanked; include lines stay."""

    def replace(m):
        if m["include"] or m["number"]:
            return m[0]
        if m["comment"]:
            return _blank(m[0])
        return m[0][0] + _blank(m[0][1:-1]) + m[0][-1] if m["char"] or m["string"] else _blank(m[0])

    return _TOKEN.sub(replace, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class _Statement:
    """What has been read of one statement; `words` are its tokens so far."""

    def __init__(self):
        self.words = []
        self.await_line = 0
        self.braces = False
        self.capture = False


def _opens_block(words, after_lambda):
    """Whether the `{` after these tokens of a statement opens a block, not an initialiser."""
    if after_lambda or not words:
        return True
    last = words[-1]
    if last in {")", ";", "}", "else", "do", "try", "const", "noexcept", "mutable", "override", "final", ":"}:
        return True
    if words[0] in {"struct", "class", "union", "namespace", "enum", "extern", "inline", "template"}:
        if "(" not in words and "=" not in words and {"struct", "class", "union", "namespace", "enum", "extern"} & set(words):
            return True
    # A trailing return type: `) -> Type {`.
    for i in range(len(words) - 1, -1, -1):
        if words[i] == "->":
            return i > 0 and words[i - 1] in {")", "mutable", "noexcept", "const", "]"}
        if words[i] in {")", "=", "return", "co_await", "co_return", ","}:
            return False
    return False


def await_findings(text):
    """(line, message) for each statement with co_await that holds a brace or a capturing lambda.

    A condition belongs to its statement, the block it controls does not; the body of a lambda has
    statements of its own, and for the statement around it counts as a brace."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: _blank(m[0]), code_only(text), flags=re.M)
    findings = []
    # Frames: ("block", statement of its own), ("init" | "paren", None) and ("[", is a lambda's).
    stack = [["block", _Statement()]]
    lambda_open = False  # between the `]` of a lambda and its body

    def current():
        return next(frame[1] for frame in reversed(stack) if frame[0] == "block")

    def end(statement):
        if statement.await_line and statement.braces:
            findings.append((statement.await_line, "braces in a statement with co_await: name the value first"))
        if statement.await_line and statement.capture:
            findings.append((statement.await_line, "a capturing lambda in a statement with co_await: name it first"))

    for m in re.finditer(r"\w+|->|::|\[\[|\]\]|\S", code):
        word = m[0]
        now = current()
        top = stack[-1]
        if word == "co_await":
            now.await_line = now.await_line or line_of(code, m.start())
        if word == "[":
            before = now.words[-1] if now.words else ""
            keyword = before in {"return", "co_return", "co_await", "co_yield", "case", "else", "do"}
            subscript = before in {")", "]"} or (re.fullmatch(r"\w+", before) and not keyword)
            stack.append(["[", not subscript])
        elif word == "]" and top[0] == "[":
            stack.pop()
            if top[1]:
                lambda_open = True
                if now.words and now.words[-1] != "[":
                    now.capture = True
        elif word == "(":
            stack.append(["paren", None])
        elif word == ")" and top[0] == "paren":
            stack.pop()
        elif word == "{":
            # Parentheses at the end of the words are a parameter list or a condition.
            if _opens_block(now.words, lambda_open):
                if lambda_open or top[0] != "block":
                    now.braces = True
                    stack.append(["block", _Statement(), now])
                else:
                    end(now)
                    top[1] = _Statement()
                    stack.append(["block", _Statement(), None])
                lambda_open = False
                continue
            now.braces = True
            stack.append(["init", None])
        elif word == "}":
            while len(stack) > 1 and stack[-1][0] not in {"block", "init"}:
                stack.pop()
            closed = stack.pop() if len(stack) > 1 else stack[0]
            if closed[0] == "block":
                end(closed[1])
                closed[1] = _Statement()
                if len(closed) < 3 or closed[2] is None:
                    continue
        elif word == ";" and top[0] == "block":
            end(now)
            top[1] = _Statement()
            lambda_open = False
            continue
        current().words.append(word)
    return sorted(set(findings))
