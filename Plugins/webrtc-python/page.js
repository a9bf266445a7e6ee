// Plays the stream by WHEP: one offer, one answer, and again when the connection ends.
// The token stands behind '#' in the address, which browsers send to no server.
const video = document.getElementById('picture');
const state = document.getElementById('state');
const sound = document.getElementById('sound');
const token = new URLSearchParams(location.hash.slice(1)).get('t') ?? sessionStorage.getItem('token') ?? '';
sessionStorage.setItem('token', token);
history.replaceState(null, '', location.pathname);
sound.onclick = () => {
    video.muted = !video.muted;
    sound.textContent = video.muted ? 'Sound on' : 'Sound off';
};

function gathered(connection) {
    if (connection.iceGatheringState === 'complete') return Promise.resolve();
    return new Promise(done => {
        connection.addEventListener('icegatheringstatechange', () => {
            if (connection.iceGatheringState === 'complete') done();
        });
    });
}

async function play(connection) {
    const stream = new MediaStream();
    for (const kind of ['video', 'audio']) connection.addTransceiver(kind, { direction: 'recvonly' });
    connection.ontrack = ({ track, receiver, streams }) => {
        // As little delay as the network allows.
        receiver.jitterBufferTarget = 0;
        video.srcObject = streams[0] ?? stream;
        if (!streams[0]) stream.addTrack(track);
    };
    const ended = new Promise(done => {
        connection.onconnectionstatechange = () => {
            state.textContent = connection.connectionState;
            if (['failed', 'closed', 'disconnected'].includes(connection.connectionState)) done();
        };
    });
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    const headers = { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` };
    const reply = await fetch('whep', { method: 'POST', headers, body: connection.localDescription.sdp });
    if (!reply.ok) throw new Error((await reply.json()).error);
    const resource = reply.headers.get('Location').slice(1);
    const leave = () => fetch(resource, { method: 'DELETE', headers, keepalive: true });
    addEventListener('pagehide', leave);
    try {
        await connection.setRemoteDescription({ type: 'answer', sdp: await reply.text() });
        await ended;
    } finally {
        removeEventListener('pagehide', leave);
    }
}

for (;;) {
    const connection = new RTCPeerConnection();
    window.connection = connection; // for tests
    try {
        await play(connection);
    } catch (error) {
        state.textContent = error.message;
    }
    // Also when the server is away: browsers take some hundreds of open ones.
    connection.close();
    await new Promise(done => setTimeout(done, 1000));
}
