"""moot's commands for channels, with a real mootd and real homes (interface.md, "moot: the client")."""

import json
import signal
import subprocess
import unittest

from support import PATIENCE, Home, ServerCase


class Follower:
    """A command that goes on, and the objects it prints."""

    def __init__(self, home, *args):
        self.process = home.start(*args, "--json")
        self.state = {}

    def wait_for(self, **wanted):
        """The next object that has all of these; patience is the timeout of CTest."""
        for line in self.process.stdout:
            told = json.loads(line)
            if all(told.get(k) == v for k, v in wanted.items()):
                return told
        raise AssertionError(f"ended before {wanted}: {self.process.stderr.read()}")

    def wait_for_state(self, **wanted):
        """Until what was told, all in all, is this: what a status said last is not said again."""
        for line in self.process.stdout:
            told = json.loads(line)
            if told["what"] == "status":
                self.state.update(told)
            elif told["what"] == "leader":
                self.state["leader"] = told["leader"]
            if wanted.items() <= self.state.items():
                return
        raise AssertionError(f"ended at {self.state}: {self.process.stderr.read()}")

    def wait_for_leader(self, but=None):
        """Who comes when somebody leads already is told by the status."""
        for line in self.process.stdout:
            leader = json.loads(line).get("leader")
            if leader not in (None, but):
                return leader
        raise AssertionError(f"ended without a leader: {self.process.stderr.read()}")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


class ChannelCase(ServerCase):
    ARGS = ("--set", "limits.commands_per_s=0")
    _channels = 0

    def setUp(self):
        type(self)._channels += 1
        self.channel = f"ch{self._channels}"

    def home(self, name):
        """A person with a device."""
        type(self)._users += 1
        name = f"{name}{self._users}"
        return Home(self, name).with_key(self.server.admin("user", "add", name))

    def moot(self, home, *args, code=0, stdin=None):
        done = subprocess.run(home.args(*args), capture_output=True, text=True, check=False,
                              timeout=2 * PATIENCE, input=stdin or "")
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def objects(self, home, *args, **kw):
        return [json.loads(line) for line in self.moot(home, *args, "--json", **kw).stdout.splitlines()]

    def replica(self, home):
        return Follower(home, "replica", self.channel)

    def texts(self, home):
        return [post["text"] for post in self.objects(home, "history", self.channel)]

    def three(self):
        """Three members of a channel that they keep."""
        homes = [self.home(n) for n in ("ada", "bob", "cyd")]
        self.moot(homes[0], "create", self.channel, "--keeper", "members")
        for home in homes[1:]:
            self.moot(home, "enter", self.channel)
        return homes

    def all_on_line(self, homes):
        """A replica for each, and one of them leads."""
        replicas = [self.replica(home) for home in homes]
        return replicas, replicas[0].wait_for_leader()


class ServerKept(ChannelCase):
    def test_one_member_alone_says_reads_searches_exports_and_verifies(self):
        ada = self.home("ada")
        made = self.moot(ada, "create", self.channel)
        self.assertIn("whoever operates the server can read", made.stderr)
        self.assertEqual(made.stdout, "")
        said = [f"Text {i} Grüße" for i in range(5)]
        sent = [self.objects(ada, "send", f"#{self.channel}", text)[0] for text in said]
        self.assertEqual([s["state"] for s in sent], ["committed"] * 5)
        self.assertEqual(list(sent[0]), ["channel", "id", "from", "at", "text", "state", "acks"])
        self.assertEqual(sent[0]["channel"], self.channel)
        self.assertEqual(sent[0]["acks"], ["server"])
        history = self.objects(ada, "history", self.channel)
        self.assertEqual(history, sent)
        self.assertEqual(self.objects(ada, "tail", f"#{self.channel}", "--count", "2"), sent[-2:])
        self.assertEqual(self.objects(ada, "history", self.channel, "--since", sent[2]["id"]),
                         sent[3:])
        self.assertEqual(self.objects(ada, "search", "text 3 GRÜSSE"), [sent[3]])
        self.moot(ada, "search", "nowhere to be found", code=1)
        exported = self.moot(ada, "export", f"#{self.channel}", "--format", "text").stdout
        self.assertEqual([line.split(": ", 1)[1] for line in exported.splitlines()], said)
        proof, = self.objects(ada, "verify", self.channel)
        self.assertEqual(list(proof), ["channel", "count", "fingerprint", "election", "leader"])
        self.assertEqual((proof["count"], proof["leader"]), (5, "server"))
        self.assertRegex(proof["fingerprint"], "^[0-9a-f]{32}$")

    def test_lines_of_stdin_stand_in_the_history_in_their_order(self):
        ada = self.home("ada")
        self.moot(ada, "create", self.channel)
        said = [f"line {i}" for i in range(200)]
        sent = self.moot(ada, "send", self.channel, "-", "--json", stdin="\n".join(said)).stdout.splitlines()
        self.assertEqual(len(sent), 200)
        self.assertEqual(self.texts(ada), said)

    def test_a_pull_of_several_pages_tells_each_time_how_far_it_is(self):
        ada, bob = self.home("ada"), self.home("bob")
        self.moot(ada, "create", self.channel)
        self.moot(bob, "enter", self.channel)
        lines = "".join(f"line {i}\n" for i in range(700))
        self.moot(ada, "send", self.channel, "-", stdin=lines)
        done = self.moot(bob, "pull", self.channel, "--json")
        self.assertEqual(json.loads(done.stdout), {"channel": self.channel, "records": 700,
                                                   "differences": 700, "synced": True})
        told = done.stderr.splitlines()
        # While pages follow, nobody says how many there are.
        self.assertRegex(told[0], f"^#{self.channel}  \\[[-#]+\\]  [0-9]+ records$")
        self.assertEqual(told[-1], f"#{self.channel}  [{30 * '#'}] 100%  700 of 700 records")
        proof, = self.objects(bob, "verify", self.channel)
        self.assertEqual(proof["count"], 700)

    def test_a_channel_that_is_renamed_is_followed_by_tail_and_replica(self):
        ada, bob, cyd = (self.home(n) for n in ("ada", "bob", "cyd"))
        self.moot(ada, "create", self.channel)
        for home in (bob, cyd):
            self.moot(home, "enter", self.channel)
        tail = Follower(bob, "tail", f"#{self.channel}", "--follow")
        replica = Follower(cyd, "replica", self.channel)
        replica.wait_for(what="synced")  # what it pulls later than that is told as commits
        self.moot(ada, "send", self.channel, "before")
        tail.wait_for(text="before")
        replica.wait_for(what="commits")
        new = f"{self.channel}b"
        self.moot(ada, "set", self.channel, "--rename", new)
        replica.wait_for(what="renamed", was=self.channel, channel=new)
        self.moot(ada, "send", new, "after")
        tail.wait_for(text="after", channel=new)
        replica.wait_for(what="commits", channel=new)
        self.assertEqual(tail.stop(), -signal.SIGTERM)
        self.assertEqual(replica.stop(), 0)

    def test_who_is_invited_enters_and_who_is_kicked_says_nothing(self):
        ada, bob = self.home("ada"), self.home("bob")
        self.moot(ada, "create", self.channel, "--private")
        self.moot(bob, "enter", self.channel, code=1)
        self.moot(ada, "invite", self.channel, f"@{bob.name}")
        listed = {c["channel"]: c for c in self.objects(bob, "channels")}
        self.assertTrue(listed[self.channel]["invited"])
        self.assertFalse(listed[self.channel]["member"])
        self.moot(bob, "enter", f"#{self.channel}")
        self.moot(bob, "send", self.channel, "here I am")
        members = {m["user"]: m for m in self.objects(ada, "members", self.channel)}
        self.assertEqual(members[ada.name]["role"], "owner")
        self.assertIsNone(members[bob.name]["role"])
        self.moot(ada, "set", self.channel, "--topic", "What broke", "--role", f"{bob.name}=admin")
        members = {m["user"]: m for m in self.objects(ada, "members", self.channel)}
        self.assertEqual(members[bob.name]["role"], "admin")
        self.moot(bob, "set", self.channel, "--topic", "mine", code=1)
        self.moot(ada, "kick", self.channel, f"@{bob.name}")
        refused = self.moot(bob, "send", f"#{self.channel}", "still here?", code=1)
        self.assertNotEqual(refused.stderr, "")
        self.moot(bob, "enter", self.channel, code=1)
        self.moot(ada, "leave", self.channel)

    def test_follow_prints_what_arrives_and_outlives_the_owner_of_the_store(self):
        ada, bob = self.home("ada"), self.home("bob")
        self.moot(ada, "create", self.channel)
        self.moot(bob, "enter", self.channel)
        owner = self.replica(bob)
        owner.wait_for(what="synced")
        tail = Follower(bob, "tail", f"#{self.channel}", "--follow", "--since", "1970-01-01")
        self.moot(ada, "send", self.channel, "one")
        tail.wait_for(text="one", state="committed")
        owner.stop(signal.SIGKILL)
        self.moot(ada, "send", self.channel, "two")
        tail.wait_for(text="two")
        self.moot(bob, "send", self.channel, "three")
        tail.wait_for(text="three")


class MemberKept(ChannelCase):
    def test_three_members_elect_commit_and_have_the_same_history(self):
        homes = self.three()
        replicas, leader = self.all_on_line(homes)
        self.assertIn(leader, [home.name for home in homes])
        for i, home in enumerate(homes * 3):
            sent, = self.objects(home, "send", self.channel, f"text {i}")
            self.assertEqual(sent["state"], "committed")
            self.assertGreaterEqual(len(sent["acks"]), 2)
        proofs = [self.objects(home, "verify", self.channel)[0] for home in homes]
        for proof in proofs:
            self.assertEqual((proof["count"], proof["leader"]), (9, leader))
            self.assertEqual(proof["fingerprint"], proofs[0]["fingerprint"])
        for home in homes:
            self.assertEqual(self.texts(home), [f"text {i}" for i in range(9)])
        listed = [c for c in self.objects(homes[0], "channels") if c["channel"] == self.channel]
        self.assertEqual((listed[0]["status"], listed[0]["online"]), ("healthy", 3))
        for replica in replicas:
            self.assertEqual(replica.stop(), 0)

    def test_below_the_minimum_it_says_who_is_missing_and_goes_later_by_itself(self):
        homes = self.three()
        waits = self.moot(homes[0], "send", f"#{self.channel}", "early bird", "--json", "--timeout",
                          "1s", code=1)
        self.assertIn("needs 3 people online and has 1: 2 people are missing", waits.stderr)
        self.assertIn("outbox", waits.stderr)
        told = json.loads(waits.stdout)
        self.assertEqual((told["state"], told["id"], told["text"]), ("queued", "", "early bird"))
        replicas, _ = self.all_on_line(homes)
        tail = Follower(homes[2], "tail", f"#{self.channel}", "--follow", "--since", "1970-01-01")
        got = tail.wait_for(text="early bird")
        self.assertEqual((got["state"], got["from"]), ("committed", homes[0].name))
        self.assertIsNone(replicas[0].process.poll())

    def test_who_was_away_pulls_and_is_equal(self):
        homes = self.three() + [self.home("eve")]
        self.moot(homes[3], "enter", self.channel)
        self.all_on_line(homes[:3])
        lines = "\n".join(f"line {i}" for i in range(600))
        self.moot(homes[1], "send", self.channel, "-", stdin=lines)
        self.assertEqual(self.texts(homes[3]), [])
        pulled, = self.objects(homes[3], "pull", self.channel)
        self.assertTrue(pulled["synced"])
        self.assertEqual(self.texts(homes[3]), lines.splitlines())
        proofs = [self.objects(home, "verify", self.channel)[0] for home in homes]
        self.assertEqual({p["fingerprint"] for p in proofs}, {proofs[0]["fingerprint"]})

    def test_when_the_leader_is_killed_another_one_leads(self):
        homes = self.three() + [self.home("eve")]
        self.moot(homes[3], "enter", self.channel)
        replicas, leader = self.all_on_line(homes)
        dead = [home.name for home in homes].index(leader)
        alive = [i for i in range(4) if i != dead]
        self.moot(homes[alive[0]], "send", self.channel, "before")
        replicas[dead].stop(signal.SIGKILL)
        replicas[alive[1]].wait_for_leader(but=leader)
        sent, = self.objects(homes[alive[0]], "send", self.channel, "after")
        self.assertEqual(sent["state"], "committed")
        self.moot(homes[dead], "pull", self.channel)
        self.assertEqual(self.texts(homes[dead]), ["before", "after"])

    def test_without_a_leader_verify_says_so(self):
        homes = self.three()
        done = self.moot(homes[0], "verify", self.channel, "--json", code=1)
        self.assertIn("no leader", done.stderr)
        self.assertIsNone(json.loads(done.stdout)["leader"])


class Named(ChannelCase):
    """A name without a sign means what it meant, or nothing."""

    def user_called_like_the_channel(self):
        """A person and a channel of the same name."""
        return Home(self, self.channel).with_key(self.server.admin("user", "add", self.channel))

    def messages(self, home):
        return self.objects(home, "tail")

    def test_what_is_meant_for_a_channel_one_was_sent_out_of_goes_to_nobody(self):
        ada, bob = self.home("ada"), self.home("bob")
        other = self.user_called_like_the_channel()
        self.moot(ada, "create", self.channel, "--private")
        self.moot(ada, "invite", self.channel, f"@{bob.name}")
        self.moot(bob, "enter", self.channel)
        self.moot(bob, "send", self.channel, "while he was in it")
        self.moot(ada, "kick", self.channel, f"@{bob.name}")
        for args in (("send", self.channel, "secret words"), ("chat", self.channel, "--line")):
            done = self.moot(bob, *args, code=1)
            # His device may learn of it in this very moment.
            self.assertRegex(done.stderr, f"You are in no (channel )?#{self.channel}.*`moot ")
        self.moot(bob, "send", f"#{self.channel}", "secret words", "--timeout", "1s", code=1)
        self.assertEqual(self.messages(other), [])
        # What was said there is his to read.
        self.assertEqual(self.texts(bob), ["while he was in it"])
        self.assertEqual([p["text"] for p in self.objects(bob, "tail", self.channel)],
                         ["while he was in it"])
        self.assertIn("while he was in it", self.moot(bob, "export", self.channel).stdout)
        self.moot(bob, "send", f"@{self.channel}", "for you alone")
        self.assertEqual([m["text"] for m in self.messages(other)], ["for you alone"])

    def test_a_public_channel_that_one_is_not_in_is_no_person(self):
        ada, bob = self.home("ada"), self.home("bob")
        other = self.user_called_like_the_channel()
        self.moot(ada, "create", self.channel)
        for args in (("send", self.channel, "x"), ("chat", self.channel), ("tail", self.channel)):
            self.assertIn(f"You are in no #{self.channel};", self.moot(bob, *args, code=1).stderr)
        self.assertEqual(self.messages(other), [])
        self.moot(bob, "enter", self.channel)
        self.moot(bob, "send", self.channel, "x")
        self.assertEqual(self.texts(bob), ["x"])

    def test_a_name_that_is_nobodys_is_said_and_makes_no_entry(self):
        ada = self.home("ada")
        for args in (("send", "nope", "x"), ("chat", "nope"), ("tail", "nope"), ("export", "nope"),
                     ("export", "@nope"), ("export", "#nope"), ("tail", "@nope"), ("tail", "#nope")):
            with self.subTest(args):
                done = self.moot(ada, *args, code=1)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"^moot: .*nope.*\n$")
        self.moot(ada, "send", "@nope", "x", code=1)
        self.moot(ada, "export", "@nope")  # what was said and refused is there to see

    def test_nothing_is_not_sent_in_silence(self):
        ada = self.home("ada")
        self.moot(ada, "create", self.channel)
        for to in (self.channel, f"@{ada.name}"):
            self.assertIn("not empty", self.moot(ada, "send", to, "", code=2).stderr)
            for nothing in ("", "\n\n"):
                done = self.moot(ada, "send", to, "-", stdin=nothing, code=1)
                self.assertIn("Nothing was sent", done.stderr)
        self.assertEqual(self.texts(ada), [])


class Shown(ChannelCase):
    def test_topics_are_shown_and_escaped_wherever_they_come_from(self):
        ada = self.home("ada")
        self.moot(ada, "create", self.channel)
        for bad in ("\x1b]0;pwned\a", "two\nlines"):
            self.moot(ada, "set", self.channel, "--topic", bad, code=2)
        self.moot(ada, "set", self.channel, "--topic", "what broke \u202etoday")
        self.assertIn(r": what broke \u202etoday", self.moot(ada, "channels").stdout)
        self.assertIn(rf"#{self.channel}: what broke \u202etoday", self.moot(ada, "members", self.channel).stdout)
        topics = {c["channel"]: c["topic"] for c in self.objects(ada, "channels")}
        self.assertEqual(topics[self.channel], "what broke \u202etoday")

    def test_answers_to_people_name_their_next_step(self):
        ada, bob = self.home("ada"), self.home("bob")
        self.moot(ada, "create", self.channel)
        self.moot(bob, "enter", self.channel)
        done = self.moot(ada, "invite", self.channel, f"@{bob.name}")
        self.assertEqual(done.stderr, f"@{bob.name} is in #{self.channel} already.\n")
        done = self.moot(ada, "kick", self.channel, f"@{ada.name}", code=1)
        self.assertIn("leave the channel", done.stderr)

    def test_below_the_minimum_status_says_it_once(self):
        ada = self.home("ada")
        self.moot(ada, "create", self.channel, "--keeper", "members")
        self.assertNotIn("0 unread  ", self.moot(ada, "status").stdout)
        self.assertRegex(self.moot(ada, "status").stdout, f"\n  #{self.channel} needs 3 people")

    def test_replica_tells_that_the_leaders_death_leaves_too_few(self):
        homes = self.three()
        replicas = [self.replica(home) for home in homes]
        for replica in replicas:
            replica.wait_for_state(status="healthy", online=3)
        leader = replicas[0].state["leader"]
        at = next(i for i, h in enumerate(homes) if h.name == leader)
        replicas[at].stop(signal.SIGKILL)
        replicas[(at + 1) % 3].wait_for_state(status="few", online=2, leader=None)


class Usage(ChannelCase):
    def test_a_count_is_a_number_from_1_on(self):
        ada = self.home("ada")
        self.moot(ada, "create", self.channel)
        for text in ("one", "two"):
            self.moot(ada, "send", self.channel, text)
        for command in ("history", "tail"):
            for bad in ("--count=-1", "--count=0", "--count=x", "--count=", "--count=1.5"):
                self.assertIn("--count", self.moot(ada, command, self.channel, bad, code=2).stderr)
            last = self.objects(ada, command, self.channel, "--count", "1")
            self.assertEqual([p["text"] for p in last], ["two"])

    def test_exit_codes_are_those_of_the_manual(self):
        ada = self.home("ada")
        self.moot(ada, "create", code=2)
        self.moot(ada, "send", f"#{self.channel}", "x", "--wait", "acked", code=2)
        self.moot(ada, "members", "no such channel", code=1)
        self.moot(ada, "history", "no such channel", code=1)
        ada.key_file.chmod(0o644)
        self.moot(ada, "channels", code=78)
        for command in ("channels members create enter leave set invite kick replica pull history "
                        "verify").split():
            self.assertIn("Example: moot", self.moot(ada, command, "--help").stdout)


if __name__ == "__main__":
    unittest.main()
