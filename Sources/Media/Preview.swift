import CPosix
import Foundation
import Glibc
import Tensors

/// Shows the newest frame to a person at this machine, in a thread of its own: in a window, or in a terminal
/// where there is no screen. The thread that gives frames never waits.
package final class Preview: @unchecked Sendable {
    // Unchecked because every stored variable is guarded by the lock, but for what only the showing thread
    // uses.

    package enum Place: String, CaseIterable, Sendable {
        /// A window, and without a screen the terminal.
        case any
        case window, terminal
    }

    private let place: Place
    private let terminal: String
    private let title: String
    private let lock = NSCondition()
    private var newest: Tensor<UInt8>?
    private var words = "waiting for the first picture"
    private var (shown, skipped) = (0, 0)
    private var isEnding = false, isOver = false

    /// Nanoseconds between two pictures in a terminal, which takes some 50 KB for each.
    private static let terminalInterval: Int64 = 100_000_000

    /// - Parameters:
    ///   - terminal: the device of a terminal.
    ///   - title: of the window.
    package init(_ place: Place, terminal: String, title: String) {
        (self.place, self.terminal, self.title) = (place, terminal, title)
        let thread = Thread { [self] in run() }
        thread.name = "preview"
        thread.stackSize = 4 << 20
        thread.start()
    }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body()
    }

    /// Shows the first frame of `[n, h, w, 3]` instead of those before it.
    package func show(_ frame: Tensor<UInt8>) {
        locked {
            if newest != nil { skipped += 1 }
            newest = frame
            lock.broadcast()
        }
    }

    /// Pictures that were shown, and that were not since a newer one came first.
    package var counts: (shown: Int, skipped: Int) { locked { (shown, skipped) } }

    /// What it does now, in words.
    package var state: String { locked { words } }

    /// Closes the window, and waits for that a second at most.
    package func finish() {
        locked {
            isEnding = true
            lock.broadcast()
            let deadline = Date(timeIntervalSinceNow: 1)
            while !isOver, lock.wait(until: deadline) {}
        }
    }

    // MARK: The thread that shows

    private func run() {
        if place == .terminal || !showInWindow() { showInTerminal() }
        locked {
            isOver = true
            lock.broadcast()
        }
    }

    /// The newest frame, when there is one; nil when no more is shown.
    private func next() -> Tensor<UInt8>? {
        locked {
            while newest == nil, !isEnding { lock.wait() }
            guard !isEnding else { return nil }
            defer { newest = nil }
            return newest
        }
    }

    private func say(_ text: String) { locked { words = text } }
    private func count() { locked { shown += 1 } }

    /// - Returns: false where there is no screen, and a terminal will do.
    private func showInWindow() -> Bool {
        var window: PreviewWindow?
        while let frame = next() {
            let isOpen = window?.fits(frame.shape) == true
            do throws(MediaError) {
                if !isOpen {
                    window = nil
                    window = try PreviewWindow(title: title, shape: frame.shape)
                }
                try window!.show(frame)
                if !isOpen {
                    say("showing \(frame.shape[2]) × \(frame.shape[1]) pixels in a window")
                }
            } catch {
                window = nil
                // SDL opens a window on a screen that is gone, and fails with the first picture.
                guard !isOpen else { return rest("the window was closed; the graph goes on") }
                guard place == .window else { return false }
                return rest("no window can be opened: \(error); nothing is shown")
            }
            count()
        }
        return true
    }

    private func showInTerminal() {
        let descriptor = open(terminal, O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        var (rows, columns): (Int32, Int32) = (0, 0)
        guard descriptor >= 0, posix_terminal_size(descriptor, &rows, &columns) == 0 else {
            if descriptor >= 0 { close(descriptor) }
            _ = rest("there is neither a screen nor a terminal (\(terminal)); nothing is shown")
            return
        }
        defer { close(descriptor) }
        say("showing pictures in the terminal \(terminal)")
        var nextAt = MonotonicClock.now
        while let frame = next() {
            _ = posix_terminal_size(descriptor, &rows, &columns)
            // The last line is for what the run says. A terminal that tells no size has the usual one.
            let picture = TerminalPicture(
                frame: frame.shape, columns: columns > 0 ? Int(columns) : 80,
                rows: rows > 1 ? Int(rows) - 1 : 23)
            write(picture.text(frame), to: descriptor)
            count()
            nextAt = max(nextAt + Self.terminalInterval, MonotonicClock.now)
            MonotonicClock.sleep(until: nextAt)
        }
    }

    /// Writes a text; half a picture is left where the terminal takes nothing for a second.
    private func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
            }
            if count > 0 {
                written += count
            } else {
                var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard errno == EAGAIN || errno == EINTR, poll(&item, 1, 1000) > 0,
                    item.revents & Int16(POLLOUT) != 0
                else { return }
            }
        }
    }

    /// Takes frames and shows none, until the end.
    private func rest(_ text: String) -> Bool {
        say(text)
        while next() != nil {}
        return true
    }
}
