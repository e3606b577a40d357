"""moot chat as people see it: the real programs, each in a terminal of its own."""

import json
import os
import signal
import unittest

from support import PATIENCE, Home, ServerCase

from terminal import Terminal

LATE = 2 * PATIENCE  # for what takes several steps of several processes


class Chat(ServerCase):
    def homes(self, *names):
        type(self)._users += 1
        self.names = {n: f"{n}{self._users}" for n in names}
        return [Home(self, self.names[n]).join(self.server.invite()) for n in names]

    def chat(self, home, *args, **options):
        terminal = Terminal(home.args("chat", *args), **options)
        terminal.__enter__()
        self.addCleanup(terminal.__exit__)
        return terminal

    def connected(self, home, *args, **options):
        terminal = self.chat(home, *args, **options)
        terminal.wait_for(f"@{home.name} connected", LATE)
        return terminal

    def test_a_private_message_moves_to_acked_and_is_shown_once(self):
        ada, bob = self.homes("ada", "bob")
        left = self.connected(ada, f"@{bob.name}")
        right = self.connected(bob, f"@{ada.name}", rows=30, columns=110)
        left.wait_for("ready", LATE)
        left.type("Gr\u00fc\u00dfe \u6f22\u5b57 e\u0301 \U0001f600\r")
        left.wait_for("acked", LATE)
        shown = right.wait_for("Gr\u00fc\u00dfe \u6f22\u5b57 e\u0301 \U0001f600", LATE)
        self.assertEqual(shown.count("Gr\u00fc\u00dfe"), 1)
        left.type("/quit\r")
        self.assertEqual(left.wait_end(LATE), 0)
        right.type("You are gone.\r")
        right.wait_for("went", LATE)
        right.type("\x04")
        self.assertEqual(right.wait_end(LATE), 0)

    def test_a_draft_waits_for_people_and_is_committed_when_they_come(self):
        ada, bob, cyd = self.homes("ada", "bob", "cyd")
        first = self.connected(ada)
        channel = f"ops{self._users}"
        first.type(f"/create #{channel} members\r")
        first.wait_for("2 people are missing", LATE)
        for home in (bob, cyd):
            first.type(f"/invite @{home.name}\r")
            first.wait_for(f"@{home.name} is invited", LATE)
        first.type("Does anybody read this?\r")
        first.wait_for("draft, waits for 2 more people", LATE)
        second = self.chat(bob)
        second.wait_for(f"+ #{channel}", LATE)
        second.type(f"/enter #{channel}\r")
        first.wait_for("draft, waits for 1 more person", LATE)
        third = self.chat(cyd, env={"TERM": "vt100"})
        third.wait_for(f"+ #{channel}", LATE)
        third.type(f"/enter #{channel}\r")
        first.wait_for("committed on", LATE)
        for terminal in (second, third):
            terminal.wait_for("Does anybody read this?", LATE)
            terminal.wait_for(f"#{channel}>", LATE)
        third.type("I do.\r")
        third.wait_for("committed on", LATE)
        first.wait_for("I do.", LATE)
        first.type("/verify\r")
        first.wait_for("fingerprint", LATE)

    def test_what_was_said_while_it_was_closed_is_there(self):
        ada, bob = self.homes("ada", "bob")
        channel = f"tea{self._users}"
        self.assertEqual(bob.run("create", channel).returncode, 0)
        reader = self.connected(ada)
        reader.type(f"/enter #{channel}\r")
        reader.wait_for(f"#{channel}>", LATE)
        self.assertEqual(bob.run("send", channel, "one").returncode, 0)
        reader.wait_for("one", LATE)
        reader.type("/quit\r")
        reader.wait_end(LATE)
        for text in ("two", "three"):
            done = bob.run("send", channel, text)
            self.assertEqual(done.returncode, 0, done.stderr)
        reader = self.connected(ada, channel)
        shown = reader.wait_for("three", LATE)
        self.assertLess(shown.index("one"), shown.index("two"))
        self.assertLess(shown.index("two"), shown.index("three"))

    def test_goes_on_when_the_process_that_has_the_store_is_killed(self):
        ada, bob = self.homes("ada", "bob")
        owner = self.connected(ada, f"@{bob.name}")
        guest = self.connected(ada, f"@{bob.name}")
        os.kill(owner.pid, signal.SIGKILL)
        guest.type("Still here.\r")
        # Typed while nobody had the store, it is given back to be said again.
        text = guest.wait_for(lambda t: "sent" in t or "say it again" in t, LATE)
        if "sent" not in text:
            guest.type("Still here, really.\r")
            guest.wait_for("sent", LATE)

    def test_a_terminal_that_is_resized_shows_the_same_in_its_new_size(self):
        (ada,) = self.homes("ada")
        terminal = self.connected(ada)
        terminal.resize(12, 40)
        terminal.wait_for(lambda text: text.splitlines()[-1].endswith(">") and
                          max(map(len, text.splitlines())) == 40, LATE)
        terminal.resize(4, 20)
        terminal.wait_for("Too small", LATE)
        terminal.resize(40, 120)
        terminal.wait_for(f"@{ada.name} connected", LATE)

    def test_what_is_pasted_is_one_message_and_colours_can_be_off(self):
        ada, bob = self.homes("ada", "bob")
        left = self.connected(ada, f"@{bob.name}", env={"NO_COLOR": "1"})
        left.type("\x1b[200~one\rtwo\x1b[201~")
        left.wait_for("two", LATE)
        left.type("\r")
        left.wait_for("sent", LATE)
        tail = bob.start("tail", "--json", "--follow", f"@{ada.name}")
        self.assertEqual(json.loads(tail.stdout.readline())["text"], "one\ntwo")

    def test_the_terminal_is_given_back_when_the_chat_is_told_to_end(self):
        (ada,) = self.homes("ada")
        terminal = self.connected(ada)
        os.kill(terminal.pid, signal.SIGTERM)
        self.assertEqual(terminal.wait_end(LATE), 0)


if __name__ == "__main__":
    unittest.main()
