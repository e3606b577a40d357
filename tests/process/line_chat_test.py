"""moot chat on a pipe: a line is a message, what the others say is printed."""

import subprocess
import unittest

from support import PATIENCE, Home, ServerCase

from terminal import Terminal

LATE = 2 * PATIENCE


class LineChat(ServerCase):
    def homes(self, *names):
        type(self)._users += 1
        return [Home(self, f"{n}{self._users}").join(self.server.invite()) for n in names]

    def chat(self, home, text, *target):
        return subprocess.run(home.args("chat", "--line", *target), input=text, text=True,
                              capture_output=True, timeout=2 * PATIENCE)

    def test_lines_go_to_the_channel_and_to_people(self):
        ada, bob = self.homes("ada", "bob")
        # The device has just joined: that lobby is a channel, only the server knows.
        done = self.chat(ada, f"all of you\n#lobby you too\n@{bob.name} just you\n#hash is a word\n",
                         "lobby")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [line.split("  ")[1:] for line in done.stdout.splitlines() if "  #lobby  " in line]
        self.assertEqual(said, [["#lobby", f"@{ada.name}", text]
                                for text in ("all of you", "you too", "#hash is a word")])
        self.assertIn(f"@{ada.name} -> @{bob.name}  just you", done.stdout)
        bob.run("pull", "lobby")
        here = bob.run("tail", "lobby", "--json").stdout
        for text in ("all of you", "you too", "#hash is a word"):
            self.assertIn(text, here)
        self.assertNotIn("just you", here)

    def test_opening_a_channel_shows_what_was_said_there(self):
        ada, bob = self.homes("ada", "bob")
        self.assertEqual(ada.run("send", "lobby", "before you came").returncode, 0)
        self.assertEqual(bob.run("pull", "lobby").returncode, 0)
        done = self.chat(bob, "/to #lobby\n/to #nowhere\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("before you came"), 1)
        self.assertIn("You are not in #nowhere", done.stdout)

    def test_a_name_means_what_it_means_on_the_command_line(self):
        (ada,) = self.homes("ada")
        name = f"Shift{self._users}"
        self.assertEqual(ada.run("create", name, "--keeper", "server").returncode, 0)
        for said in (name, name.upper(), f"#{name.lower()}"):
            done = self.chat(ada, f"/to {said}\nsaid to {said}\n#{name.upper()} more of {said}\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"  said to {said}\n", done.stdout)
            self.assertIn(f"  more of {said}\n", done.stdout)
        done = self.chat(ada, "/to no.such\n")
        self.assertIn('"no.such" is nobody and no channel here', done.stdout)

    def test_a_channel_that_cannot_take_it_is_told(self):
        (ada,) = self.homes("ada")
        name = f"few{self._users}"
        self.assertEqual(ada.run("create", name, "--keeper", "members").returncode, 0)
        done = self.chat(ada, "anybody?\n/quit\n", name)
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 message is not committed yet; in the outbox", done.stderr)


class LineChatOnATerminal(ServerCase):
    def homes(self, *names):
        type(self)._users += 1
        return [Home(self, f"{n}{self._users}").join(self.server.invite()) for n in names]

    def chat(self, home, *target):
        terminal = Terminal(home.args("chat", "--line", *target))
        terminal.__enter__()
        self.addCleanup(terminal.__exit__)
        return terminal

    def last_line(self, terminal, text):
        """Until the line being typed, which is the last one, ends with it."""
        return terminal.wait_for(lambda shown: shown.rstrip().endswith(text), LATE)

    def test_a_line_being_typed_is_not_torn_and_can_be_had_again(self):
        ada, bob = self.homes("ada", "bob")
        terminal = self.chat(ada, f"@{bob.name}")
        terminal.wait_for("is away, will be delivered", LATE)
        terminal.type("half a li")
        self.last_line(terminal, "half a li")
        self.assertEqual(bob.run("send", f"@{ada.name}", "in between").returncode, 0)
        terminal.wait_for("in between", LATE)
        shown = self.last_line(terminal, "half a li").rstrip().splitlines()
        self.assertNotIn("in between", shown[-1])
        self.assertNotIn("half a li", "".join(shown[:-1]), "what was drawn before is taken away")
        terminal.type("ne\r")
        terminal.wait_for(lambda text: f"@{ada.name}  half a line" in text or
                          f"@{bob.name}  half a line" in text, LATE)
        terminal.type("\x1b[A")
        self.last_line(terminal, "half a line")
        terminal.type("!\r")
        terminal.wait_for("half a line!", LATE)

    def test_tab_completes_names_and_who_comes_is_ready(self):
        ada, dora = self.homes("ada", "dora")  # no other name begins like hers
        terminal = self.chat(ada)
        terminal.type("/users\r")
        terminal.wait_for(f"@{dora.name}", LATE)
        terminal.type("/to @do\t")
        self.last_line(terminal, f"/to @{dora.name}")
        terminal.type("\r")
        terminal.wait_for("is away, will be delivered", LATE)
        self.chat(dora, f"@{ada.name}")
        terminal.wait_for("is ready", LATE)


if __name__ == "__main__":
    unittest.main()
